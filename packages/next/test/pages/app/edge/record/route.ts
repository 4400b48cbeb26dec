import { withKm } from "../../../lib/edge";

export const runtime = "edge";

const record = withKm((request) => {
  request.km.record("Recorded", { n: request.nextUrl.searchParams.get("n") });
  return Response.json({ identity: request.km.identity });
});

export { record as GET, record as POST };
