import { isWhole } from "../lib/beneath";
import { km } from "../lib/km";

export default async function Home() {
  const visitor = await km();
  visitor.record("Viewed Home");
  return (
    <p id="seen" data-whole={isWhole()}>
      {visitor.identity}
    </p>
  );
}
