import { cookies } from "next/headers";
import { withKm } from "../../../lib/km";
export const POST = withKm(async () => {
  (await cookies()).set("user", "bob");
  return Response.json({});
});
