import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Recorder, recorder } from "@kmkit/core";
import { ask, kinds } from "@kmkit/testkit";
import { Hono } from "hono";
import { stream } from "hono/streaming";
import { CookieStore, sessionMiddleware } from "hono-sessions";
import { beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { km } from "../src/index.ts";

let rec: Recorder;
let app: Hono<{ Bindings: HttpBindings }>;
beforeEach(() => {
  rec = recorder();
  app = new Hono<{ Bindings: HttpBindings }>();
  app.use(km(rec.client));
});
async function listen(): Promise<string> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  onTestFinished(() => void server.close());
  return `http://localhost:${(server.address() as AddressInfo).port}`;
}
const names = () => rec.commands.map((one) => (one.type === "record" ? one.name : one.type));

it("an answer past Hono gets no cookie: its commands are kept and reported, and nothing is tied", async () => {
  app.get("/", (c) => {
    c.var.km.record("Seen");
    c.var.km.identify("bob");
    setTimeout(() => c.env.outgoing.writeHead(200, { "set-cookie": "a=1" }).end("done"), 10);
    return RESPONSE_ALREADY_SENT;
  });
  const address = await listen();
  for (let time = 0; time < 2; time += 1) expect((await ask(address, { headers: kinds.page })).cookies).toEqual(["a=1"]);
  await vi.waitFor(() => expect(names()).toEqual(["Seen", "Seen"]));
  expect(new Set(rec.commands.map(({ identity }) => identity))).toEqual(new Set(["bob"]));
});

it("a Set-Cookie beneath is not lost, nor does a Cache-Control beneath go unseen", async () => {
  app.get("/", (c) => {
    c.env.outgoing.setHeader("set-cookie", ["raw=1", "more=2"]);
    return c.text("hi");
  });
  app.get("/cached", (c) => {
    c.env.outgoing.setHeader("cache-control", "s-maxage=60");
    return c.text("hi");
  });
  const address = await listen();
  const { cookies } = await ask(address, { headers: kinds.page });
  expect(cookies.map((line) => line.split("=")[0])).toEqual(["raw", "more", "km_ai", "km_claim"]);
  expect((await ask(`${address}/cached`, { headers: kinds.page })).cookies).toEqual([]);
});

it("the end of an answer is that of the connection's: a client that leaves an idle stream is seen", async () => {
  app.get("/", (c) => {
    c.var.km.identify("bob");
    c.var.km.record("Opened");
    return stream(c, async (out) => {
      await out.write("open");
      await new Promise(() => {});
    });
  });
  expect((await ask(await listen(), { headers: kinds.page, leave: true })).ours).toHaveLength(2);
  await vi.waitFor(() => expect(names()).toEqual(["Opened"]));
});

it.each(["before", "after"])("a session that stands in a cookie, mounted %s km(), keeps the name", async (place) => {
  app = new Hono<{ Bindings: HttpBindings }>();
  const session = sessionMiddleware({
    store: new CookieStore(),
    encryptionKey: "a secret of thirty-two characters",
    expireAfterSeconds: 900,
  });
  if (place === "before") app.use(session as never);
  app.use(km(rec.client));
  if (place === "after") app.use(session as never);
  app.post("/login", (c) => {
    c.var.km.identify("bob");
    return c.redirect("/");
  });
  app.get("/", (c) => c.text(c.var.km.identity));
  const address = await listen();
  const login = await ask(`${address}/login`, { method: "POST", headers: kinds.page });
  expect(login.ours).toHaveLength(2);
  // The last line of a name counts.
  const jar = [...new Map(login.cookies.map((line) => [line.split("=")[0], line.split(";")[0]])).values()].join("; ");
  expect((await ask(address, { headers: { cookie: jar } })).text).toBe("bob");
});
