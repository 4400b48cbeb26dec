import { byIron } from "../../../../lib/km";

export const POST = byIron.withKm((request) => {
  request.km.record("Called");
  return Response.json({ identity: request.km.identity });
});
