import { gate } from "../../../lib/gate";
import { withKm } from "../../../lib/km";

/** Records, lets the test know, waits for it, records again. */
export const POST = withKm(async (request) => {
  const { searchParams } = request.nextUrl;
  const name = searchParams.get("gate") ?? "";
  const user = searchParams.get("user");
  if (user !== null) request.km.identify(user);
  request.km.record("Began");
  gate(`${name} entered`).open();
  await gate(name).promise;
  request.km.record("Ended");
  gate(`${name} left`).open();
  return Response.json({});
});
