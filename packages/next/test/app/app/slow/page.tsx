import { Suspense } from "react";
import { gate } from "../../lib/gate";
import { km } from "../../lib/km";

async function Rest({ name }: { name: string }) {
  await gate(name).promise;
  (await km()).record("Viewed Rest");
  return <p>rest</p>;
}

/** Its first part comes at once, its rest when the gate is opened. */
export default async function Slow({ searchParams }: { searchParams: Promise<{ gate?: string }> }) {
  const { gate: name = "" } = await searchParams;
  (await km()).record("Viewed Slow");
  return (
    <Suspense fallback={<p>wait</p>}>
      <Rest name={name} />
    </Suspense>
  );
}
