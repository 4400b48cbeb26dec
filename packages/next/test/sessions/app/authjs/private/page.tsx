import { byAuthjs } from "../../../lib/km";

export default async function Private() {
  const visitor = await byAuthjs.km();
  visitor.record("Viewed Private");
  return <p id="seen">{visitor.identity}</p>;
}
