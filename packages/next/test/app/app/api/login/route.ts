import { cookies } from "next/headers";
import { withKm } from "../../../lib/km";

/** Says nothing to kmkit: the `identity` option is asked again, since a cookie was set. */
export const POST = withKm(async (request) => {
  const user = request.nextUrl.searchParams.get("user");
  const jar = await cookies();
  if (user === null) jar.delete("user");
  else jar.set("user", user);
  return Response.json({});
});
