import { Suspense } from "react";
import { km } from "../lib/km";
import { Made } from "../lib/made";

async function Visitor() {
  const visitor = await km();
  visitor.record("Viewed Shell");
  return <p id="seen">{visitor.identity}</p>;
}

/** A static shell, a cached part, and a part for each visitor. */
export default function Page() {
  return (
    <main>
      <h1>shell</h1>
      <Made />
      <Suspense fallback={<p>wait</p>}>
        <Visitor />
        <Visitor />
      </Suspense>
    </main>
  );
}
