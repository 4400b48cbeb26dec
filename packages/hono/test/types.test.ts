import { serve } from "@hono/node-server";
import { createKm as durable } from "@kmkit/node";
import { type Context, Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { describe, expectTypeOf, it } from "vitest";
import { type Client, createKm, type Km, type KmClient, type KmOptions, km, recorder } from "../src/index.ts";

describe("types, with a real Hono app", () => {
  it("km() is a middleware, and its options are typed", () => {
    const { client } = recorder();
    const app = new Hono<{ Bindings: { TOKEN: string }; Variables: { user: { id: number } | undefined } }>();
    app.use(km(client));
    app.use("/shop/*", km({ client }));
    app.get("/one", km({ client }), (c) => c.text(c.var.km.identity));
    km({ client, identity: (c) => (c.req.header("x-user") === undefined ? null : c.req.path) });
    km({ client, identity: (c: Context<{ Variables: { user: { id: number } | undefined } }>) => c.var.user?.id ?? null });
    // @ts-expect-error: no such option
    km({ client, tracking: true });
    // @ts-expect-error: an identity is no object
    km({ client, identity: (c) => c.req });
    expectTypeOf(km).parameter(0).toEqualTypeOf<KmOptions<Context> | Client | undefined>();
    expectTypeOf(serve).toBeFunction();
  });

  it("c.var.km is a Km, in handlers and in middleware", () => {
    const app = new Hono();
    const middleware = createMiddleware(async (c, next) => {
      expectTypeOf(c.var.km).toEqualTypeOf<Km>();
      expectTypeOf(c.get("km")).toEqualTypeOf<Km>();
      await next();
    });
    app.post("/signup", middleware, (c) => {
      expectTypeOf(c.var.km).toEqualTypeOf<Km>();
      c.var.km.identify("bob@bob.com");
      c.var.km.record("Signed Up", { Plan: "Pro" }, { id: "evt_1" });
      // @ts-expect-error: a name is text
      c.var.km.record(42);
      // @ts-expect-error: it is only read
      c.var.km.identity = "bob";
      return c.redirect("/");
    });
  });

  it("a client of core's and one of @kmkit/node's both fit", () => {
    expectTypeOf(createKm).returns.toExtend<Client>();
    expectTypeOf(durable).returns.toExtend<Client>();
    expectTypeOf<Client>().toExtend<KmClient>();
  });
});
