import { withKm } from "@kmkit/next";

/** Made once, by the build, for everybody. */
export const dynamic = "force-static";

export const GET = withKm(
  (request) => {
    request.km.record("Built");
    return Response.json({ identity: request.km.identity });
  },
  { outbox: false },
);
