import { cookies } from "next/headers";
import { withKm } from "../../../lib/km";

export const POST = withKm(async (request) => {
  request.km.record("Posted");
  return Response.json({ identity: request.km.identity, cookie: (await cookies()).get("km_ai")?.value });
});

export const GET = withKm(async (request) => {
  request.km.record("Got");
  return Response.json({ identity: request.km.identity, cookie: (await cookies()).get("km_ai")?.value });
});
