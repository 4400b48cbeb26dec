import { notFound } from "next/navigation";
import { km } from "../../lib/km";

export default async function Missing() {
  (await km()).record("Viewed Missing");
  notFound();
}
