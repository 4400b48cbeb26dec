import { byAuthjs } from "../../../../lib/km";

export const POST = byAuthjs.withKm((request) => {
  request.km.record("Called");
  return Response.json({ identity: request.km.identity });
});
