import compression from "compression";
import type { Request, Response } from "express";
import supertest from "supertest";
import { describe, expect, it, vi } from "vitest";
import { km, recorder } from "../src/index.ts";
import { ask, claimOf, kinds, open, orders, sessions, versions } from "./shop.ts";

const page = kinds.page;

describe.each(versions)("beside other parts on %s", (_, express) => {
  it.each(orders(["compression", "session", "km"] as const))("a regenerating log in with %s, %s, %s in this order", async (...order) => {
    const shop = await open(express, (app, rec) => {
      const parts = { compression: compression({ threshold: 0 }), session: sessions(), km: km(rec.client) };
      for (const part of order) app.use(parts[part]);
      app.get("/", (req, res) => void res.type("html").send(req.km.identity));
      app.post("/login", (req, res) => {
        req.km.identify("bob");
        req.km.record("Logged In");
        req.session.regenerate(() => res.type("html").send("x".repeat(5000)));
      });
    });
    const browser = shop.browser({ "accept-encoding": "gzip" });
    await browser.page("/");
    const a = browser.anonymous;
    const answer = await browser.form("/login");
    expect(answer.headers["content-encoding"]).toBe("gzip");
    expect(answer.cookies.map((line) => line.split("=")[0]).sort()).toEqual(["connect.sid", "km_ai", "km_claim"]);
    expect(await shop.heard()).toEqual([`${a} = bob`, "bob: Logged In"]);
    expect((await ask(shop.url, { headers: { ...page, cookie: browser.cookie() } })).text).toBe("bob");
  });

  it("supertest with a recorder, as in an app's own tests", async () => {
    const { client, commands } = recorder();
    const app = express();
    app.use(km(client), express.json());
    app.post("/signup", (req, res) => {
      req.km.identify(req.body.email);
      req.km.record("Signed Up", { Plan: req.body.plan });
      res.redirect("/");
    });
    await supertest(app).post("/signup").send({ email: "bob@bob.com", plan: "Pro" }).expect(302);
    const expected = { type: "record", name: "Signed Up", identity: "bob@bob.com", properties: { Plan: "Pro" } };
    await vi.waitFor(() => expect(commands).toMatchObject([expected]));
    await supertest(app)
      .get("/nowhere")
      .set("Accept", "text/html")
      .expect(404)
      .expect("set-cookie", /^km_ai=/);
  });

  it("mounted behind something that has begun to answer: recorded, reported, nothing thrown", async () => {
    const shop = await open(express, (app, rec) => {
      app.use((_req, res, next) => {
        res.write("begun");
        next();
      });
      app.use(km(rec.client));
      app.get("/", (req, res) => {
        req.km.record("Seen");
        res.end();
      });
    });
    expect((await ask(shop.url, { headers: page })).text).toBe("begun");
    expect(await shop.heard()).toHaveLength(1);
    expect(shop.codes).toEqual(["KM_COOKIE_TOO_LATE"]);
  });

  it("an error handler, a router and a param handler see the same visitor", async () => {
    const shop = await open(express, (app, rec) => {
      app.use(km(rec.client));
      const router = express.Router();
      router.param("id", (req, _res, next) => {
        req.km.record("In Param");
        next();
      });
      router.get("/:id", (req) => {
        req.km.record("In Router");
        throw new Error("on purpose");
      });
      app.use("/things", router);
      app.use((_error: Error, req: Request, res: Response, _next: () => void) => {
        req.km.record("In Error Handler");
        res.status(503).send("sorry");
      });
    });
    const browser = shop.browser();
    expect((await browser.page("/things/7")).status).toBe(503);
    const a = browser.anonymous;
    expect(await shop.heard()).toEqual([`${a}: In Param`, `${a}: In Router`, `${a}: In Error Handler`]);
  });

  it("a sub-app of the other version knows the same visitor", async () => {
    const other = versions.find(([, one]) => one !== express)?.[1] as typeof express;
    const shop = await open(express, (app, rec) => {
      const sub = other();
      sub.use(km(rec.client));
      sub.post("/buy", (req, res) => {
        req.km.identify("bob");
        req.km.record("Bought");
        res.send("done");
      });
      app.use(km(rec.client));
      app.get("/", (_req, res) => void res.send("hi"));
      app.use("/shop", sub);
    });
    const browser = shop.browser();
    await browser.page("/");
    const a = browser.anonymous;
    await browser.form("/shop/buy");
    expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
    expect(await shop.heard()).toEqual([`${a} = bob`, "bob: Bought"]);
  });
});
