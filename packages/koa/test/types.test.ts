import type { IncomingMessage } from "node:http";
import Router from "@koa/router";
import Koa, { type Context, type DefaultContext, type ParameterizedContext } from "koa";
import { describe, expect, expectTypeOf, it } from "vitest";
import { type Client, createKm, type Km, type KmClient, type KmOptions, type KoaContext, km, recorder } from "../src/index.ts";

describe("types, with a real Koa app", () => {
  it("km() is a middleware of Koa, of apps with a context of their own, and of a router", () => {
    const { client } = recorder();
    new Koa().use(km(client)).use(km({ client }));
    const typed = new Koa<{ user?: { id: number } }, { shelf: string[] }>();
    typed.use(km(client)).use((ctx) => {
      expectTypeOf(ctx.km).toEqualTypeOf<Km>();
      ctx.body = ctx.shelf;
    });
    new Router<{ user?: { id: number } }>().get("/", km(client), (ctx) => ctx.km.record(`Seen ${ctx.state.user?.id}`));
    const router = new Router();
    router.use(km(client));
    router.get("/", (ctx) => {
      expectTypeOf(ctx.km).toEqualTypeOf<Km>();
      expectTypeOf(ctx.req.km).toEqualTypeOf<Km>();
      expectTypeOf(ctx.req.headers["x-a"]).toEqualTypeOf<string | string[] | undefined>();
    });
    expect(router.stack).toHaveLength(2);
  });

  it("ctx.km and ctx.req.km are a Km; a request of node:http promises none", () => {
    expectTypeOf<Context["km"]>().toEqualTypeOf<Km>();
    expectTypeOf<KoaContext["req"]["km"]>().toEqualTypeOf<Km>();
    expectTypeOf<ParameterizedContext<object, DefaultContext>["km"]>().toEqualTypeOf<Km>();
    expectTypeOf<IncomingMessage>().not.toHaveProperty("km");
    new Koa().use((ctx) => {
      ctx.km.identify("bob@bob.com");
      ctx.km.identify(null);
      ctx.km.record("Signed Up", { Plan: "Pro", nested: { a: 1 } }, { time: new Date(), id: "evt_1" });
      ctx.req.km.set({ Plan: "Pro" });
      // @ts-expect-error: a name is text
      ctx.km.record(42);
      // @ts-expect-error: an identity is text or null
      ctx.req.km.identify(undefined);
      // @ts-expect-error: it is only read
      ctx.km.identity = "bob";
    });
  });

  it("options take Koa's context, and a narrower one", () => {
    const { client } = recorder();
    km({ client, identity: (ctx) => ctx.state.user?.id ?? null });
    km({ client, identity: (ctx: ParameterizedContext<{ user?: { id: number } }>) => ctx.state.user?.id });
    km({ client, consent: (ctx) => ctx.cookies.get("consent") === "yes", anonymous: (ctx) => ctx.get("x-device") });
    // @ts-expect-error: identity answers at once
    km({ client, identity: async () => "bob" });
    // @ts-expect-error: nothing else is an option
    km({ client, identify: () => "bob" });
    expectTypeOf<KmOptions<KoaContext>["client"]>().toEqualTypeOf<Client | undefined>();
    expectTypeOf(createKm).returns.toExtend<KmClient>();
  });
});
