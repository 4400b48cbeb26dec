import { isWhole } from "../../../../lib/beneath";
import { withKm } from "../../../../lib/km";

export const POST = withKm(async (request, { params }: { params: Promise<{ n: string }> }) => {
  request.km.record("Asked", { n: (await params).n });
  return Response.json({ identity: request.km.identity, whole: isWhole() });
});
