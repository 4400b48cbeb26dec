import { byBearer } from "../../../lib/km";

/** For programs that bring a token and no cookies. */
export const POST = byBearer.withKm((request) => {
  if (request.km.anonymous) return Response.json({ code: "unauthorized" }, { status: 401 });
  request.km.record("Called");
  return Response.json({ identity: request.km.identity });
});
