import { getIronSession } from "iron-session";
import { type IronSession, sealed } from "../../../../lib/iron";
import { byIron } from "../../../../lib/km";

/** The same by the answer's own headers. */
export const POST = byIron.withKm(async (request) => {
  request.km.record("Asked Iron");
  const response = Response.json({});
  const session = await getIronSession<IronSession>(request, response, sealed);
  const name = request.nextUrl.searchParams.get("name");
  if (name === null) session.destroy();
  else {
    session.user = name;
    await session.save();
  }
  return response;
});
