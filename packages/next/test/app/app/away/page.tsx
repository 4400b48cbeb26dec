import { redirect } from "next/navigation";
import { km } from "../../lib/km";

export default async function Away() {
  (await km()).record("Went Away");
  redirect("/product");
}
