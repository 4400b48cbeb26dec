import { cookies } from "next/headers";
import { km } from "../../../lib/km";

export const dynamic = "force-static";

/** Made on demand, within somebody's request, and then kept for everybody. */
export default async function Forced() {
  const visitor = await km();
  visitor.record("Viewed Forced");
  return (
    <p id="seen">
      {visitor.identity} {(await cookies()).get("km_ai")?.value}
    </p>
  );
}
