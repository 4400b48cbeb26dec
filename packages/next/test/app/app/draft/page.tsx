import { draftMode } from "next/headers";
import { km } from "../../lib/km";

/** Static for everybody but editors, for whom it is rendered per request. */
export default async function Draft() {
  if (!(await draftMode()).isEnabled) return <p>published</p>;
  const visitor = await km();
  visitor.record("Looked At Draft");
  return <p>draft for {visitor.identity}</p>;
}
