import { after } from "next/server";
import { km, withKm } from "../../../lib/km";

/** Records in the app's own after(). */
export const POST = withKm(async (request) => {
  request.km.record("Asked");
  after(() => request.km.record("Later In Handler"));
  after(async () => (await km()).record("Later By km()"));
  return Response.json({});
});
