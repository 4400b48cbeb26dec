import { getIronSession } from "iron-session";
import { cookies } from "next/headers";
import { type IronSession, sealed } from "../../../../lib/iron";
import { byIron } from "../../../../lib/km";

/** Logs in, or out without a name, by `cookies()`. */
export const POST = byIron.withKm(async (request) => {
  request.km.record("Asked Iron");
  const session = await getIronSession<IronSession>(await cookies(), sealed);
  const name = request.nextUrl.searchParams.get("name");
  if (name === null) session.destroy();
  else {
    session.user = name;
    await session.save();
  }
  return Response.json({});
});
