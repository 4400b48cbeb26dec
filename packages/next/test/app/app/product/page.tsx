import { km } from "../../lib/km";
export default async function P() {
  (await km()).record("Viewed Product", { Name: "Pebble" });
  return <p>product</p>;
}
