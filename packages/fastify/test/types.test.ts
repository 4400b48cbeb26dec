import type { Client } from "@kmkit/core";
import Fastify, { type FastifyRequest } from "fastify";
import { describe, expect, expectTypeOf, it } from "vitest";
import { createKm, type Km, type KmClient, type KmOptions, km, recorder } from "../src/index.ts";

describe("types, with a real Fastify app", () => {
  it("km is a plugin, and its options are typed", async () => {
    const { client } = recorder();
    const app = Fastify();
    app.register(km, { client });
    app.register(async (shop) => {
      shop.register(km, { client, identity: (request) => (request.headers["x-user"] === undefined ? null : request.originalUrl) });
    });
    // @ts-expect-error: no such option
    app.register(km, { client, tracking: true });
    // @ts-expect-error: an identity is no object
    app.register(km, { client, identity: (request: FastifyRequest) => request.headers });
    expect(app.hasPlugin("@kmkit/fastify")).toBe(false);
    await app.ready();
    expect(app.hasPlugin("@kmkit/fastify")).toBe(true);
    await app.close();
  });

  it("request.km is a Km", () => {
    expectTypeOf<FastifyRequest["km"]>().toEqualTypeOf<Km>();
    const app = Fastify();
    app.post("/signup", async (request, reply) => {
      request.km.identify("bob@bob.com");
      request.km.identify(null);
      request.km.record("Signed Up", { Plan: "Pro", nested: { a: 1 } }, { time: new Date(), id: "evt_1" });
      request.km.set({ Plan: "Pro" });
      request.km.alias("bob@old.example", "bob@bob.com");
      // @ts-expect-error: a name is text
      request.km.record(42);
      // @ts-expect-error: it is only read
      request.km.identity = "bob";
      return reply.redirect("/");
    });
  });

  it("what it exports is enough for an app", () => {
    expectTypeOf(createKm).returns.toExtend<Client>();
    expectTypeOf<Client>().toExtend<KmClient>();
    expectTypeOf<KmOptions<FastifyRequest>>().toHaveProperty("client");
  });
});
