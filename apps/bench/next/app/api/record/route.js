import { withKm } from "@kmkit/next";

export const dynamic = "force-dynamic";

const counter = /** @type {{ benchSeq?: number }} */ (globalThis);

export const GET = withKm(async (request) => {
  counter.benchSeq = (counter.benchSeq ?? -1) + 1;
  request.km.record("Viewed Page", { seq: counter.benchSeq, path: "/", plan: "premium" });
  return Response.json({ hello: true });
});
