import http from "node:http";
import compression from "compression";
import type { Request, Response } from "express";
import supertest from "supertest";
import { describe, expect, it, vi } from "vitest";
import { km, recorder } from "../src/index.ts";
import { ask, claimOf, kinds, open, sessions, told, versions } from "./shop.ts";

const page = kinds.page;

/** Every order of some things. */
const orders = <T>(of: T[]): T[][] =>
  of.length < 2 ? [of] : of.flatMap((one, index) => orders(of.toSpliced(index, 1)).map((rest) => [one, ...rest]));

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

  it("requests on a kept connection: each one's commands come with its own answer", async () => {
    const shop = await open(express, (app, rec) => {
      app.use(km(rec.client));
      app.get("/:user", (req, res) => {
        req.km.identify(req.params.user);
        req.km.record("Seen");
        res.send("hi");
      });
    });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (const user of ["bob", "bill", "ann"]) {
      await new Promise((resolve) => http.get(`${shop.url}/${user}`, { agent }, (response) => response.resume().on("end", resolve)));
      await vi.waitFor(() => expect(told(shop.rec.commands)).toContain(`${user}: Seen`));
    }
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
    agent.destroy();
    expect(await shop.heard()).toEqual(["bob: Seen", "bill: Seen", "ann: Seen"]);
  });

  it("behind a proxy that rewrites Host, the domain option goes by the host that Express trusts", async () => {
    const shop = await open(express, (app, rec) => {
      app.set("trust proxy", true);
      app.use(km({ client: rec.client, cookie: { domain: ".shop.example" } }));
      app.get("/", (_req, res) => void res.send("hi"));
    });
    const { ours } = await ask(shop.url, { headers: { ...page, host: "127.0.0.1:3000", "x-forwarded-host": "www.shop.example" } });
    expect(ours.filter((line) => /Domain=shop\.example/i.test(line))).toHaveLength(2);
    expect(shop.codes).toEqual([]);
  });

  it("X-Forwarded-Host means nothing where no proxy is trusted", async () => {
    const shop = await open(express, (app, rec) => {
      app.use(km({ client: rec.client, cookie: { domain: ".shop.example" } }));
      app.get("/", (_req, res) => void res.send("hi"));
    });
    const { ours } = await ask(shop.url, { headers: { ...page, host: "127.0.0.1:3000", "x-forwarded-host": "www.shop.example" } });
    expect(ours.join()).not.toMatch(/domain/i);
    expect(shop.codes).toEqual(["KM_COOKIE_DOMAIN_IGNORED"]);
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

  it("a log in after the headers have gone is tied by the next answer", async () => {
    const shop = await open(express, (app, rec) => {
      app.use(sessions(), km(rec.client));
      app.get("/", (req, res) => {
        req.session.touch();
        res.send(req.km.identity);
      });
      app.post("/login", (req, res) => {
        (req.session as unknown as { started: boolean }).started = true;
        res.write("checking …");
        req.km.identify("bob");
        req.km.record("Logged In");
        res.end("done");
      });
    });
    const browser = shop.browser();
    await browser.page("/");
    const a = browser.anonymous;
    expect((await browser.form("/login")).ours).toEqual([]);
    expect([browser.claim, await shop.heard()]).toEqual(["-", ["bob: Logged In"]]);
    expect((await browser.page("/")).text).toBe("bob");
    expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
    expect(await shop.heard()).toEqual(["bob: Logged In", `${a} = bob`]);
  });

  describe("a form that another site posts here, for which browsers hold Lax cookies back", () => {
    const foreign = { ...page, "sec-fetch-site": "cross-site", origin: "https://other.example" };
    const shopOf = (work: (req: Request) => void) =>
      open(express, (app, rec) => {
        app.use(sessions(), km(rec.client));
        app.get("/", (_req, res) => void res.send("hi"));
        app.post("/back", (req, res) => {
          work(req);
          res.redirect(303, "/");
        });
      });

    it("a log in (SAML, Apple's form_post) is tied to the visitor's past", async () => {
      const shop = await shopOf((req) => req.km.identify("bob"));
      const browser = shop.browser();
      await browser.page("/");
      const a = browser.anonymous;
      browser.take(await ask(`${shop.url}/back`, { method: "POST", headers: foreign }));
      await browser.page("/");
      expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
      expect(await shop.aliases()).toEqual([`${a} = bob`]);
    });

    it("a payment's return does not put a new identity in place of the visitor's", async () => {
      const shop = await shopOf((req) => req.km.record("Paid"));
      const browser = shop.browser();
      await browser.page("/");
      const a = browser.anonymous;
      browser.take(await ask(`${shop.url}/back`, { method: "POST", headers: foreign }));
      expect(browser.anonymous).toBe(a);
      expect(await shop.heard()).toHaveLength(1);
      expect(shop.codes).toEqual(["KM_VISITOR_UNKNOWN"]);
    });
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

  it("a form that is cut off in mid-upload ties nothing", async () => {
    let arrived = () => {};
    const entered = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const shop = await open(express, (app, rec) => {
      app.use(km(rec.client));
      app.get("/", (_req, res) => void res.send("hi"));
      app.use((req, _res, next) => {
        req.km.identify("bob");
        req.km.record("Uploading");
        arrived();
        next();
      });
      app.post("/upload", express.text({ limit: "1mb" }), (_req, res) => void res.send("stored"));
    });
    const browser = shop.browser();
    await browser.page("/");
    const headers = { cookie: browser.cookie(), "content-length": "1000", "content-type": "text/plain" };
    const request = http.request(`${shop.url}/upload`, { method: "POST", headers, agent: false });
    request.on("error", () => {});
    request.write("half");
    await entered;
    request.destroy();
    expect(await shop.heard()).toEqual(["bob: Uploading"]);
  });
});
