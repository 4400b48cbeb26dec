import { withKm } from "../../../lib/km";

export const GET = withKm((request) => {
  request.km.record("Got");
  return Response.json({ identity: request.km.identity });
});
