import { km } from "../../lib/km";

export default async function Broken() {
  (await km()).record("Viewed Broken");
  throw new Error("on purpose");
}
