import { withKmApi } from "../../lib/km";

export default withKmApi((request, response) => {
  request.km.record("Called Old");
  response.setHeader("set-cookie", ["raw=2; Path=/"]);
  if (request.query.how === "redirect") return response.redirect(303, "/product");
  if (request.query.how === "throw") throw new Error("on purpose");
  response.json({ identity: request.km.identity });
});
