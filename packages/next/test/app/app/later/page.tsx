import { after } from "next/server";
import { km } from "../../lib/km";

export default async function Later() {
  const visitor = await km();
  after(() => visitor.record("Later In Page"));
  return <p id="seen">{visitor.identity}</p>;
}
