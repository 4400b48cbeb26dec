/** The same page where no proxy stands in front. */
export { default } from "../../counted/[n]/page";
