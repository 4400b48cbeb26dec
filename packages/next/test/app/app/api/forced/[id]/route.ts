import { withKm } from "@kmkit/next";

export const dynamic = "force-static";

/** Made on demand, within somebody's request, and then kept for everybody, though it looks at `request.km`. */
export const GET = withKm((request) => {
  request.km.record("Got Forced");
  return Response.json({ identity: request.km.identity });
});
