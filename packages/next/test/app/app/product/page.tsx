import { headers } from "next/headers";
import { km } from "../../lib/km";

export default async function Product() {
  const visitor = await km();
  visitor.record("Viewed Product", { Name: "Pebble" });
  return (
    <p id="seen">
      {visitor.identity} {(await headers()).get("x-told")}
    </p>
  );
}
