import { km } from "@kmkit/next";
import { options } from "../../lib/km";

/** It counts client-side navigations, too. */
export default async function Navigated() {
  const visitor = await km({ ...options, navigation: true });
  visitor.record("Viewed Nav");
  return <p id="seen">{visitor.identity}</p>;
}
