import { km } from "../../lib/km";

export default async function Product() {
  const visitor = await km();
  visitor.record("Viewed Product", { Name: "Pebble" });
  return <h1>Pebble</h1>;
}
