// app/api/edge/route.ts
import { withKm } from "@kmkit/next/edge";

export const runtime = "edge";

export const POST = withKm(
  async (request) => {
    request.km.record("Subscribed");
    return Response.json({ ok: true });
  },
  { url: process.env.KMKIT_URL, key: process.env.KMKIT_KEY },
);
