import { withKm } from "@kmkit/next/edge";

export const runtime = "edge";

export const POST = withKm(
  (request) => {
    request.km.record("Asked Edge");
    return Response.json({ identity: request.km.identity });
  },
  { url: process.env.KMKIT_URL ?? "" },
);
