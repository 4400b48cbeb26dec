import { km } from "@kmkit/next";
import { options } from "../../lib/km";

async function Side({ name }: { name: string }) {
  const visitor = await km({ ...options, navigation: true });
  visitor.record("Viewed Side", { Name: name });
  return <p className="side">{visitor.identity}</p>;
}

/** Two components that React renders side by side. */
export default function Pair() {
  return (
    <>
      <Side name="left" />
      <Side name="right" />
    </>
  );
}
