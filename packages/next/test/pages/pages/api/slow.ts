import { once } from "node:events";
import { withKmApi } from "../../lib/km";

/** Begins its answer, and ends it when nobody listens any more. */
export default withKmApi(async (request, response) => {
  const { user } = request.query;
  if (user !== undefined) response.setHeader("set-cookie", `user=${user}; Path=/`);
  if (user !== undefined) request.km.identify(String(user));
  request.km.record("Began");
  response.write("first");
  await once(response, "close");
  request.km.record("Went On");
  response.end();
});
