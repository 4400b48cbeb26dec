import { isWhole } from "../../../lib/beneath";
import { km } from "../../../lib/km";

export default async function Counted({ params }: { params: Promise<{ n: string }> }) {
  const visitor = await km();
  visitor.record("Counted", { n: (await params).n });
  return (
    <p id="seen" data-whole={isWhole()}>
      {visitor.identity}
    </p>
  );
}
