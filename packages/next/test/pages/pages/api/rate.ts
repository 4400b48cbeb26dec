import { isWhole } from "../../lib/beneath";
import { withKmApi } from "../../lib/km";

/** `?how=` says how it ends. */
export default withKmApi(async (request, response) => {
  const { how, user } = request.query;
  if (how === "cookies") response.setHeader("set-cookie", ["before=1; Path=/", "raw=2; Path=/"]);
  request.km.record("Rated");
  if (how === "cookies") response.appendHeader("set-cookie", "after=3; Path=/");
  if (how === "overwrite") response.setHeader("set-cookie", "over=4; Path=/");
  if (how === "raw") return response.writeHead(201, { "set-cookie": "raw=2; Path=/" }).end();
  if (how === "throw") throw new Error("on purpose");
  if (how === "redirect") return response.redirect(303, "/still");
  if (how === "begun") {
    response.write("begun");
    request.km.record("Too Late For Cookies");
    return response.end();
  }
  if (user !== undefined) {
    response.setHeader("set-cookie", user === "" ? "user=; Path=/; Max-Age=0" : `user=${user}; Path=/`);
    request.km.identify(user === "" ? null : String(user));
    request.km.record(user === "" ? "Logged Out" : "Logged In");
  }
  response.json({ identity: request.km.identity, whole: isWhole() });
});
