import { cookies } from "next/headers";
import { withKm } from "../../../lib/edge";

export const runtime = "edge";

/** Logs in, or out without a name. */
export const POST = withKm(async (request) => {
  const { searchParams } = request.nextUrl;
  const user = searchParams.get("user");
  request.km.record(user === null ? "Leaving" : "Entering");
  const by = searchParams.get("by");
  if (by === "answer") {
    const line = user === null ? "user=; Path=/; Max-Age=0" : `user=${user}; Path=/`;
    return Response.json({}, { headers: { "set-cookie": line } });
  }
  const jar = await cookies();
  if (user === null) jar.delete("user");
  else jar.set("user", user);
  if (by === "identify") request.km.identify(user);
  return Response.json({});
});
