import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { PassThrough, Readable } from "node:stream";
import cookie from "@fastify/cookie";
import session from "@fastify/session";
import { type Recorder, recorder } from "@kmkit/core";
import { ask, kinds } from "@kmkit/testkit";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { km } from "../src/index.ts";

let rec: Recorder;
let app: FastifyInstance;
beforeEach(() => {
  rec = recorder();
  app = Fastify();
});
afterEach(() => app.close());
const url = () => app.listen({ port: 0, host: "localhost" }).then((address) => address.replace("[::1]", "localhost"));
const page = async (path = "/") => ask((await url()) + path, { headers: kinds.page });
const names = () => rec.commands.map((one) => (one.type === "record" ? one.name : one.type));

/** Every way to answer that only Fastify has. */
const ways: [string, (request: FastifyRequest, reply: FastifyReply) => unknown][] = [
  ["a returned text", () => "done"],
  ["a returned object", () => ({ done: true })],
  ["a buffer", (_, reply) => reply.send(Buffer.from("done"))],
  ["a stream", (_, reply) => reply.send(Readable.from(["do", "ne"]))],
  ["a web stream", (_, reply) => reply.send(Readable.toWeb(Readable.from([Buffer.from("done")])))],
  ["a Response", (_, reply) => reply.send(new Response("done", { headers: { "x-other": "1" } }))],
  ["trailers", (_, reply) => reply.trailer("etag", (_reply, _payload, done) => done(null, "1")).send("done")],
  ["a thrown error", () => Promise.reject(new Error("on purpose"))],
  ["a stream that fails before its first byte", (_, reply) => reply.send(new PassThrough().destroy(new Error("on purpose")))],
  ["callNotFound", (_, reply) => reply.callNotFound()],
  [
    "reply.raw after hijack()",
    (_, reply) => {
      reply.hijack();
      reply.raw.setHeader("set-cookie", ["raw=1"]);
      reply.raw.writeHead(200, { "content-type": "text/plain" });
      reply.raw.end("done");
    },
  ],
];

describe("an answer of Fastify's", () => {
  it.each(ways)("by %s carries our cookies beside those of the app", async (way, handle) => {
    app.register(cookie);
    app.register(km, { client: rec.client });
    app.get("/", async (request, reply) => {
      request.km.identify("bob");
      reply.setCookie("a", "1");
      reply.header("set-cookie", "b=2");
      return handle(request, reply);
    });
    const { cookies } = await page();
    const theirs = way === "reply.raw after hijack()" ? ["raw"] : ["b", "a"];
    expect(cookies.map((line) => line.split("=")[0])).toEqual([...theirs, "km_ai", "km_claim"]);
    await vi.waitFor(() => expect(names()).toEqual(["alias"]));
  });

  it("of an error handler and of no route", async () => {
    app.register(km, { client: rec.client });
    app.setErrorHandler((_error, _request, reply) => reply.code(418).send("tea"));
    app.setNotFoundHandler((request, reply) => {
      request.km.record("Lost");
      reply.code(404).send("nothing");
    });
    app.get("/", () => {
      throw new Error("on purpose");
    });
    const address = await url();
    expect(await ask(address, { headers: kinds.page })).toMatchObject({ status: 418, ours: { length: 2 } });
    expect(await ask(`${address}/nowhere`, { headers: kinds.page })).toMatchObject({ status: 404, ours: { length: 2 } });
    await vi.waitFor(() => expect(names()).toEqual(["Lost"]));
  });

  it("over HTTP/2 is finished when it is sent", async () => {
    const second = Fastify({ http2: true });
    // The plugin's type is that of an HTTP/1 server, as every plugin's is.
    second.register(km as never, { client: rec.client } as never);
    second.get("/", async (request, reply) => {
      request.km.identify("bob");
      return reply.header("set-cookie", "a=1").send(request.km.identity);
    });
    await second.listen({ port: 0, host: "localhost" });
    const client = http2.connect(`http://localhost:${(second.server.address() as AddressInfo).port}`);
    const request = client.request({ ":path": "/", accept: "text/html" });
    const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => request.on("response", resolve));
    request.resume();
    expect(headers["set-cookie"]?.map((line) => line.split("=")[0])).toEqual(["a", "km_ai", "km_claim"]);
    await vi.waitFor(() => expect(names()).toEqual(["alias"]));
    client.close();
    await second.close();
  });

  it("that nobody waits for is over all the same: Fastify has no hook for that", async () => {
    app.register(km, { client: rec.client });
    const responded = vi.fn();
    app.addHook("onResponse", async () => responded());
    app.get("/", (request, reply) => {
      request.km.identify("bob");
      request.km.record("Opened");
      const stream = new PassThrough();
      reply.send(stream);
      stream.write("open");
    });
    const answer = await ask(await url(), { headers: kinds.page, leave: true });
    expect(answer.ours).toHaveLength(2);
    await vi.waitFor(() => expect(names()).toEqual(["Opened"]));
    expect(responded).not.toHaveBeenCalled();
  });

  it("of inject() as well", async () => {
    app.register(km, { client: rec.client });
    app.get("/", async (request) => request.km.record("Seen"));
    const { headers } = await app.inject({ url: "/", headers: { accept: "text/html" } });
    expect(headers["set-cookie"]).toHaveLength(2);
    await vi.waitFor(() => expect(names()).toEqual(["Seen"]));
  });
});

describe("the plugin", () => {
  it("is there in every context, and registered twice counts once", async () => {
    app.register(km, { client: rec.client });
    app.register(km, { client: rec.client });
    app.register(async (shop) => {
      shop.register(km, { client: rec.client });
      shop.get("/", async (request) => {
        request.km.record("Seen");
        return "hi";
      });
    });
    expect((await page()).ours).toHaveLength(2);
    await vi.waitFor(() => expect(names()).toEqual(["Seen"]));
  });

  it("registered in one context is there in that one only", async () => {
    app.register(async (shop) => {
      shop.register(km, { client: rec.client });
      shop.get("/shop", async (request) => request.km.identity);
    });
    app.get("/", async (request) => String(request.km));
    const address = await url();
    expect((await ask(`${address}/`, { headers: kinds.page })).text).toBe("undefined");
    expect((await ask(`${address}/shop`, { headers: kinds.page })).ours).toHaveLength(2);
  });

  it("hands the FastifyRequest to the options, with what hooks have put on it", async () => {
    app.decorateRequest("user", null);
    app.register(km, { client: rec.client, identity: (request) => (request as { user?: { id: number } }).user?.id ?? null });
    app.addHook("preHandler", async (request) => void Object.assign(request, { user: { id: 42 } }));
    app.get("/", async (request) => request.km.identity);
    expect((await page()).text).toBe("42");
  });

  it("knows the address that the client asked for behind rewriteUrl", async () => {
    const rewritten = Fastify({ rewriteUrl: (request) => (request.url ?? "/").replace("/old", "/new") });
    rewritten.register(km, { client: rec.client });
    rewritten.get("/new", async (request) => request.km.record("Seen"));
    await rewritten.inject({ url: "/old" });
    await vi.waitFor(() => expect(names()).toEqual(["Seen"]));
    expect(rec.errors).toMatchObject([{ code: "KM_VISITOR_UNKNOWN", detail: "GET /old" }]);
    await rewritten.close();
  });

  it.each(["before", "after"])("wraps reply.send only for a log in, and once: the session plugin %s it saves the name", async (place) => {
    const sessions = () =>
      void app.register(session, { secret: "a secret of thirty-two characters", cookie: { secure: false }, saveUninitialized: false });
    app.register(cookie);
    if (place === "before") sessions();
    app.register(km, { client: rec.client });
    if (place === "after") sessions();
    const wrapped: boolean[] = [];
    app.post("/login", async (request, reply) => {
      wrapped.push(Object.hasOwn(reply, "send"));
      request.km.identify("bob");
      request.km.identify("bob@bob.com");
      wrapped.push(Object.hasOwn(reply, "send"));
      await request.session.regenerate();
      return { ok: true };
    });
    app.get("/", async (request) => ({
      name: (request.session as unknown as { km_identity?: string }).km_identity,
      who: request.km.identity,
    }));
    const address = await url();
    const login = await ask(`${address}/login`, { method: "POST" });
    const jar = login.cookies.map((line) => line.split(";")[0]).join("; ");
    expect(JSON.parse((await ask(address, { headers: { cookie: jar } })).text)).toEqual({ name: "bob@bob.com", who: "bob@bob.com" });
    expect(wrapped).toEqual([false, true]);
  });

  it("takes the name out of a session that hears only of what is set, as @fastify/secure-session's does", async () => {
    const kept: Record<string, unknown> = { km_identity: "bob" };
    const session = new Proxy({}, { get: (_, key) => kept[String(key)], set: (_, key, value) => Reflect.set(kept, key, value) });
    app.register(km, { client: rec.client });
    app.addHook("onRequest", async (request) => void Object.assign(request, { session }));
    app.post("/logout", async (request) => {
      request.km.identify(null);
      return request.km.identity;
    });
    expect((await app.inject({ method: "POST", url: "/logout" })).body).not.toBe("bob");
    expect(JSON.stringify(kept)).toBe("{}");
  });
});
