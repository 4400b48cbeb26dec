// A small web app, a process of its own: `node web.js FRAMEWORK WHAT URL DIR`. WHAT: `bare` (nothing of anybody's), `noop` (a middleware that parses
// one cookie), `silent` (ours, and no request records anything), or a driver, which records one command a request.
import { createServer } from "node:http";
import { parseCookie } from "cookie";

const [framework = "", what = "", url = "", dir = ""] = process.argv.slice(2);
const page = "<!doctype html><title>Bench</title><p>Hello</p>";
let seq = 0;
const props = () => ({ seq: seq++, path: "/", plan: "premium" });
/** @type {import("../drivers/wire.js").Sdk | undefined} */
let sdk;

/** @returns {Promise<import("express").RequestHandler | undefined>} */
async function middleware() {
  if (what === "bare") return undefined;
  if (what === "noop")
    return (request, response, next) => {
      response.setHeader("x-seen", parseCookie(request.headers.cookie ?? "").seen ?? "no");
      next();
    };
  if (what === "silent") {
    const [{ km }, { createKm }] = await Promise.all([import("@kmkit/express"), import("@kmkit/node")]);
    return km(createKm({ url, key: "local", outbox: `${dir}/km` }));
  }
  const made = await (await import(`../drivers/${what}.js`)).create({ url, dir });
  sdk = made;
  return (
    made.middleware?.(props) ??
    ((_request, _response, next) => {
      made.record(`user-${seq % 5000}`, "Viewed Page", props());
      next();
    })
  );
}

/** Ours on another framework than Express. */
const client = async () => (await import("@kmkit/node")).createKm({ url, key: "local", outbox: `${dir}/km` });

/** @type {Record<string, () => Promise<(ready: (port: number) => void) => unknown>>} */
const frameworks = {
  async express() {
    const { default: express } = await import("express");
    const app = express().disable("x-powered-by");
    const use = await middleware();
    if (use !== undefined) app.use(use);
    app.get("/", (_request, response) => void response.send(page));
    return listen(app);
  },
  async koa() {
    const [{ default: Koa }, { km }] = await Promise.all([import("koa"), import("@kmkit/koa")]);
    const app = new Koa();
    if (what !== "bare") {
      app.use(km(await client()));
      app.use((context, next) => {
        context.km.record("Viewed Page", props());
        return next();
      });
    }
    app.use((context) => {
      context.body = page;
    });
    return listen(app.callback());
  },
  async fastify() {
    const [{ default: fastify }, { km }] = await Promise.all([import("fastify"), import("@kmkit/fastify")]);
    const app = fastify();
    if (what !== "bare") {
      await app.register(km, { client: await client() });
      app.addHook("preHandler", async (request) => request.km.record("Viewed Page", props()));
    }
    app.get("/", (_request, reply) => void reply.type("text/html; charset=utf-8").send(page));
    return async (ready) => ready(Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port));
  },
  async hono() {
    const [{ Hono }, { serve }, { km }] = await Promise.all([import("hono"), import("@hono/node-server"), import("@kmkit/hono")]);
    const app = new Hono();
    if (what !== "bare") {
      app.use(km(await client()));
      app.use((context, next) => {
        context.var.km.record("Viewed Page", props());
        return next();
      });
    }
    app.get("/", (context) => context.html(page));
    return (ready) => serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => ready(port));
  },
};

/** @param {import("node:http").RequestListener} app @returns {(ready: (port: number) => void) => unknown} */
const listen = (app) => (ready) => {
  const server = createServer(app).listen(0, "127.0.0.1", () =>
    ready(/** @type {import("node:net").AddressInfo} */ (server.address()).port),
  );
};

process.on("message", (/** @type {{ id: number }} */ { id }) => {
  const { user, system } = process.cpuUsage();
  process.send?.({ id, cpu: user + system, seq, stats: sdk?.stats?.() });
});
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
const make = frameworks[framework];
if (make === undefined) throw new Error(`no framework ${framework}`);
const serve = await make();
await serve((port) => process.send?.({ port }));
