import type express5 from "express";
import { describe, expect, it } from "vitest";
import { type ExpressRequest, km } from "../src/index.ts";
import { ask, claimOf, kinds, open, sessions, versions } from "./shop.ts";

const page = kinds.page;
/** The attributes of one of our cookies, in lower case, without its value. */
const attributes = (line = "") =>
  line
    .split(/;\s*/)
    .slice(1)
    .map((part) => part.toLowerCase())
    .sort();

describe.each(versions)("our cookies on %s", (_, express) => {
  it("are for the whole host, hidden from scripts, Lax, for 400 days, and without Secure on http", async () => {
    const shop = await open(express, (app, rec) => {
      app.use(km(rec.client));
      app.get("/a/b", (_req, res) => void res.send("hi"));
    });
    const { ours } = await ask(`${shop.url}/a/b`, { headers: page });
    expect(ours.map((line) => line.split("=")[0])).toEqual(["km_ai", "km_claim"]);
    for (const line of ours) expect(attributes(line)).toEqual(["httponly", "max-age=34560000", "path=/", "samesite=lax"]);
  });

  it.each([
    ["off: none, since Express does not believe the header", false, false],
    ["on: Secure", true, true],
  ])("https by X-Forwarded-Proto with trust proxy %s", async (_name, trust, secure) => {
    const shop = await open(express, (app, rec) => {
      app.set("trust proxy", trust);
      app.use(km(rec.client));
      app.get("/", (_req, res) => void res.send("hi"));
    });
    const browser = shop.browser({ "x-forwarded-proto": "https" });
    const { ours } = await browser.page("/");
    expect(ours.map((line) => attributes(line).includes("secure"))).toEqual([secure, secure]);
    const a = browser.anonymous;
    expect((await browser.page("/")).cookies).toEqual([]);
    expect(browser.anonymous).toBe(a);
  });

  it.each(["localhost:3000", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:3000", "shop.example.evil"])(
    "the domain option is ignored on %s, with one report",
    async (host) => {
      const shop = await open(express, (app, rec) => {
        app.use(km({ client: rec.client, cookie: { domain: ".shop.example" } }));
        app.get("/", (_req, res) => void res.send("hi"));
      });
      const first = await ask(shop.url, { headers: { ...page, host } });
      const second = await ask(shop.url, { headers: { ...page, host } });
      for (const line of [...first.ours, ...second.ours]) expect(line).not.toMatch(/domain/i);
      expect([first.ours.length, second.ours.length]).toEqual([2, 2]);
      expect(shop.codes).toEqual(["KM_COOKIE_DOMAIN_IGNORED"]);
    },
  );

  it("the domain option holds on its hosts, and the host-only twin goes", async () => {
    const shop = await open(express, (app, rec) => {
      app.use(km({ client: rec.client, cookie: { domain: ".shop.example", httpOnly: false, sameSite: "none", maxAge: 60 } }));
      app.get("/", (_req, res) => void res.send("hi"));
    });
    const { ours } = await ask(shop.url, { headers: { ...page, host: "www.shop.example:3000" } });
    const [shared, twins] = [ours.filter((line) => /domain/i.test(line)), ours.filter((line) => !/domain/i.test(line))];
    expect(shared).toHaveLength(2);
    expect(twins.map((line) => line.split("=")[0])).toEqual(expect.arrayContaining(["km_ai", "km_claim"]));
    for (const line of shared) expect(attributes(line)).toEqual(["domain=shop.example", "max-age=60", "path=/", "samesite=none", "secure"]);
    for (const line of twins) expect(line).toMatch(/^km_\w+=;.*Max-Age=0/i);
    expect(shop.codes).toEqual([]);
  });

  it("in a sub-app they are still for the whole host, and reports name the url that was asked for", async () => {
    const shop = await open(express, (app, rec) => {
      const sub = express();
      sub.use(km(rec.client));
      sub.get("/cart", (req, res) => {
        req.km.record("Viewed Cart");
        res.send("cart");
      });
      app.use("/shop", sub);
    });
    const browser = shop.browser();
    const { ours } = await browser.call("/shop/cart?x=1");
    for (const line of ours) expect(attributes(line)).toContain("path=/");
    expect(shop.rec.errors.map((error) => error.detail)).toEqual(["GET /shop/cart"]);
    await browser.page("/shop/cart");
    expect(await shop.heard()).toEqual([`${browser.anonymous}: Viewed Cart`, `${browser.anonymous}: Viewed Cart`]);
  });

  it("mounted in the app and again in a sub-app everything counts once", async () => {
    const shop = await open(express, (app, rec) => {
      const sub = express();
      sub.use(km(rec.client));
      sub.post("/buy", (req, res) => {
        req.km.identify("bob");
        req.km.record("Bought");
        res.send("done");
      });
      app.use(km(rec.client));
      app.use(km(rec.client));
      app.use("/shop", sub);
      app.get("/", (_req, res) => void res.send("hi"));
    });
    const browser = shop.browser();
    expect((await browser.page("/")).ours).toHaveLength(2);
    expect((await browser.form("/shop/buy")).ours).toHaveLength(2);
    expect(await shop.heard()).toEqual([`${browser.anonymous} = bob`, "bob: Bought"]);
  });

  it("a cookie option that cannot be written throws nothing into the app", async () => {
    const shop = await open(express, (app, rec) => {
      app.use(km({ client: rec.client, cookie: { path: "/;evil\r\n" } }));
      app.get("/", (req, res) => {
        req.km.record("Seen");
        res.send("hi");
      });
    });
    const answer = await ask(shop.url, { headers: page });
    expect([answer.status, answer.text, answer.ours]).toEqual([200, "hi", []]);
    await shop.quiet();
    expect(shop.codes).toContain("KM_INTERNAL");
  });

  describe("stand beside the app's own", () => {
    type Handler = (req: express5.Request, res: express5.Response) => void;
    const writers: [string, string[], Handler][] = [
      [
        "res.cookie",
        ["a=1", "b=2"],
        (req, res) => {
          res.cookie("a", "1");
          req.km.record("Seen");
          res.cookie("b", "2").send("hi");
        },
      ],
      ["raw setHeader of one line", ["a=1"], (_req, res) => void res.setHeader("Set-Cookie", "a=1").end("hi")],
      ["raw setHeader of a list", ["a=1", "b=2"], (_req, res) => void res.setHeader("set-cookie", ["a=1", "b=2"]).end("hi")],
      [
        "raw appendHeader",
        ["a=1", "b=2"],
        (_req, res) => void res.appendHeader("Set-Cookie", "a=1").appendHeader("Set-Cookie", "b=2").end(),
      ],
      ["writeHead with an object", ["a=1", "b=2"], (_req, res) => void res.writeHead(200, { "Set-Cookie": ["a=1", "b=2"] }).end("hi")],
      ["writeHead with a reason and an object", ["a=1"], (_req, res) => void res.writeHead(201, "Made", { "set-cookie": "a=1" }).end("hi")],
      [
        "writeHead with a list",
        ["a=1", "b=2"],
        (_req, res) => void res.writeHead(200, ["Set-Cookie", "a=1", "Set-Cookie", "b=2"]).end("hi"),
      ],
      [
        "setHeader and then writeHead of something else",
        ["a=1"],
        (_req, res) => {
          res.setHeader("Set-Cookie", "a=1");
          res.writeHead(200, { "X-Other": "1" });
          res.end("hi");
        },
      ],
      ["res.clearCookie", ["a="], (_req, res) => void res.clearCookie("a").redirect("/")],
    ];
    it.each(writers)("%s", async (_name, theirs, handler) => {
      const shop = await open(express, (app, rec) => {
        app.use(km(rec.client));
        app.get("/", handler);
      });
      const { cookies } = await ask(shop.url, { headers: page });
      const pairs = cookies.map((line) => line.split(";")[0]);
      expect(pairs.slice(0, theirs.length)).toEqual(theirs);
      expect(pairs.slice(theirs.length).map((pair) => pair?.split("=")[0])).toEqual(["km_ai", "km_claim"]);
    });

    it.each([
      ["after", true],
      ["before", false],
    ])("express-session, res.cookie and a raw header, with km() %s the session", async (_name, after) => {
      const shop = await open(express, (app, rec) => {
        if (after) app.use(sessions());
        app.use(km(rec.client));
        if (!after) app.use(sessions());
        app.get("/", (req, res) => {
          (req.session as unknown as { cart: number }).cart = 1;
          req.km.record("Seen");
          res.cookie("a", "1");
          res.appendHeader("Set-Cookie", "raw=1");
          res.redirect("/next");
        });
      });
      const { cookies, status } = await ask(shop.url, { headers: page });
      expect(status).toBe(302);
      expect(cookies.map((line) => line.split("=")[0]).sort()).toEqual(["a", "connect.sid", "km_ai", "km_claim", "raw"]);
    });
  });

  describe("O4: what browsers send", () => {
    const A = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f85c4";
    const B = "0199f0c0-8c1e-7a3b-9d53-5b1f6f2f3a73";
    const today = Math.floor(Date.now() / 86_400_000);
    const free = `km_claim=${A.slice(-8)}.-.${today}`;
    const seen = (who: string | undefined = undefined) =>
      open(express, (app, rec) => {
        app.use(km({ client: rec.client, identity: (req: ExpressRequest) => (req.headers["x-user"] as string) ?? who }));
        app.get("/", (req, res) => {
          req.km.record("Seen");
          res.send("hi");
        });
      });

    it.each([
      ["broken neighbours", `promo=50% off; x=%E0%A4%A; km_ai=${A}; y=%C0%80; z="a;b; ${free}`],
      ["an 8 KB neighbour", `big=${"x".repeat(8000)}; km_ai=${A}; ${free}`],
      ["a broken twin first", `km_ai=; km_ai=%E0%A4%A; km_ai=bob@bob.com; km_ai=${A}; ${free}`],
      ["a valid twin behind", `km_ai=${A}; km_ai=${B}; ${free}; km_claim=${B.slice(-8)}.-.${today}`],
      ["a companion of another before its own", `km_claim=${B.slice(-8)}.-.${today}; km_ai=${A}; ${free}`],
      ["quotes", `km_ai="${A}"; ${free}`],
      ["names that only look like ours", `xkm_ai=${B}; km_aix=${B}; km_ai=${A}; km_ai2=${B}; ${free}`],
    ])("%s: recognised, no new cookie, nothing said", async (_name, cookie) => {
      const shop = await seen();
      const answer = await ask(shop.url, { headers: { ...page, cookie } });
      expect([answer.status, answer.cookies]).toEqual([200, []]);
      expect(await shop.heard()).toEqual([`${A}: Seen`]);
      expect(shop.codes).toEqual([]);
    });

    it.each([
      ["a name", "bob@bob.com"],
      ["a UUIDv4, which apps use as user ids", "7c9e6679-7425-40de-944b-e07fc1f90ae7"],
      ["upper case", A.toUpperCase()],
      ["8 KB", "x".repeat(8000)],
      ["an encoded name", "%62ob"],
      ["the nil UUID", "00000000-0000-0000-0000-000000000000"],
      ["something with a line break", `${A}%0d%0aSet-Cookie:%20x=1`],
    ])("a forged km_ai (%s) is not taken; the visitor is new", async (_name, forged) => {
      const shop = await seen();
      const answer = await ask(shop.url, { headers: { ...page, cookie: `km_ai=${forged}; ${free}` } });
      expect(answer.ours).toHaveLength(2);
      expect(answer.ours[0]).not.toContain(forged);
      expect((await shop.heard())[0]).not.toContain(forged);
      expect(shop.codes).toEqual([]);
    });

    it.each([
      ["a forged claim of bob's", `${A.slice(-8)}.000000000000.${today}`],
      ["the claim that another key would make", `${A.slice(-8)}.${claimOf(A, "bob", "other key")}.${today}`],
      ["junk", "x".repeat(8000)],
      ["empty", ""],
      ["a day that is no day", `${A.slice(-8)}.-.9999999`],
    ])("a companion that is %s merges nothing: bob gets an identity of his own", async (_name, companion) => {
      const shop = await seen("bob");
      const answer = await ask(shop.url, { headers: { ...page, cookie: `km_ai=${A}; km_claim=${companion}` } });
      expect(answer.ours[0]).not.toContain(A);
      expect((await shop.heard()).join()).not.toContain(A);
      expect(await shop.aliases()).toHaveLength(1);
    });
  });
});
