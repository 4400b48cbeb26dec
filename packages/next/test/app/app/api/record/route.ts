import { withKm } from "../../../lib/km";
export const POST = withKm(async (request) => {
  request.km.record("Posted");
  return Response.json({ identity: request.km.identity });
});
export const GET = withKm(async (request) => {
  request.km.record("Got");
  return Response.json({ identity: request.km.identity });
});
