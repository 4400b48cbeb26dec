import { createServer } from "node:http";
import express, { type Request } from "express";
import { describe, expect, expectTypeOf, it } from "vitest";
import { type Client, createKm, type ExpressRequest, type Km, type KmClient, type KmOptions, km, recorder } from "../src/index.ts";

describe("types, with a real Express app", () => {
  it("km() is a middleware of Express and of plain node:http", () => {
    const { client } = recorder();
    const app = express();
    app.use(km(client));
    app.use("/shop", km({ client }), express.json());
    app.get("/one", km({ client }), (req, res) => void res.send(req.km.identity));
    express.Router().use(km());
    const middleware = km(client);
    const server = createServer((request, response) => middleware(request, response, () => response.end()));
    expect(server.listening).toBe(false);
  });

  it("req.km is a Km", () => {
    expectTypeOf<Request["km"]>().toEqualTypeOf<Km>();
    expectTypeOf<ExpressRequest["km"]>().toEqualTypeOf<Km>();
    expectTypeOf<Km["identity"]>().toEqualTypeOf<string>();
    const app = express();
    app.post("/signup", (req, res) => {
      req.km.identify("bob@bob.com");
      req.km.identify(null);
      req.km.record("Signed Up", { Plan: "Pro", nested: { a: 1 } }, { time: new Date(), id: "evt_1" });
      req.km.record({ Plan: "Pro" });
      req.km.set({ Plan: "Pro" });
      req.km.alias("bob@old.example", "bob@bob.com");
      // @ts-expect-error: a name is text
      req.km.record(42);
      // @ts-expect-error: an identity is text or null
      req.km.identify(undefined);
      // @ts-expect-error: it is only read
      req.km.identity = "bob";
      res.end();
    });
  });

  it("options take our request, Express' own, and any narrower one", () => {
    const { client } = recorder();
    km({ client, identity: (req) => (req.headers["x-user"] === undefined ? null : req.originalUrl) });
    km({ client, identity: (req: ExpressRequest) => (req.secure ? 42 : undefined) });
    km({ client, identity: (req: Request) => (req.get("x-user") as string | undefined) ?? null });
    km({ client, consent: (req: Request) => req.query.consent === "yes", anonymous: (req) => req.headers.device?.toString() });
    km({
      client,
      identity: () => false,
      bots: (agent) => agent === "",
      junk: (name) => name === "x",
      gpc: false,
      dnt: true,
      prefetch: true,
    });
    km({
      cookie: { domain: ".shop.example", path: "/", sameSite: "none", httpOnly: false, maxAge: 60 },
      outbox: false,
      url: "http://x",
      key: "k",
    });
    // @ts-expect-error: identity answers at once
    km({ client, identity: async () => "bob" });
    // @ts-expect-error: nothing else is an option
    km({ client, identify: () => "bob" });
    expectTypeOf<KmOptions<ExpressRequest>["client"]>().toEqualTypeOf<Client | undefined>();
    expectTypeOf(createKm).returns.toExtend<KmClient>();
  });
});
