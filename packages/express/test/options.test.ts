import { describe, expect, it } from "vitest";
import { type ExpressRequest, type KmOptions, km } from "../src/index.ts";
import { claimOf, type Express, open, type Shop, versions } from "./shop.ts";

const A = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f85c4";
const B = "0199f0c0-8c1e-7a3b-9d53-5b1f6f2f3a73";

const shopOf = (express: Express, options: KmOptions<ExpressRequest>): Promise<Shop> =>
  open(express, (app, rec) => {
    app.use(km({ client: rec.client, ...options }));
    app.use((req, res) => {
      const login = req.headers["x-login"];
      if (typeof login === "string") req.km.identify(login);
      if (req.path !== "/silent") {
        req.km.record("Seen");
        req.km.set({ Plan: "Pro" });
      }
      res.send(req.km.identity);
    });
  });

const both = (who: string) => [`${who}: Seen`, `${who} {"Plan":"Pro"}`];
const user = (req: ExpressRequest) => (req.headers["x-user"] as string | undefined) ?? undefined;

describe.each(versions)("options on %s", (_, express) => {
  describe("identity", () => {
    it.each([
      [42, "42"],
      [9007199254740993n, "9007199254740993"],
      [-7, "-7"],
      ["bob@bob.com", "bob@bob.com"],
      ["  Bob ", "  Bob "],
      ["🐈", "🐈"],
      ["x".repeat(255), "x".repeat(255)],
    ])("%s names the visitor %s", async (value, name) => {
      const shop = await shopOf(express, { identity: () => value });
      expect((await shop.browser().call("/")).cookies).toEqual([]);
      expect(await shop.heard()).toEqual(both(name));
      expect(shop.codes).toEqual([]);
    });

    const junk = ["", "undefined", "null", "NaN", "none", "true", "0", 0, Number.NaN, "guest", "Anonymous", "unknown", " guest "];
    const objects = ["[object Object]", "00000000-0000-0000-0000-000000000000", "-1", "N/A"];
    it.each([...junk, ...objects])("the placeholder %j counts as not known, with a report", async (value) => {
      const shop = await shopOf(express, { identity: () => value as string });
      const browser = shop.browser();
      await browser.page("/");
      expect(browser.claim).toBe("-");
      expect(await shop.heard()).toEqual(both(browser.anonymous));
      expect(shop.codes).toEqual(["KM_IDENTITY_JUNK"]);
    });

    it.each([
      ["an object", () => ({ id: 1 }), "KM_IDENTITY_INVALID"],
      ["a list", () => ["bob"], "KM_IDENTITY_INVALID"],
      ["a promise", async () => "bob", "KM_IDENTITY_INVALID"],
      ["a promise that fails", () => Promise.reject(new Error("on purpose")), "KM_IDENTITY_INVALID"],
      ["true", () => true, "KM_IDENTITY_INVALID"],
      ["a symbol", () => Symbol("bob"), "KM_IDENTITY_INVALID"],
      ["a function", () => () => "bob", "KM_IDENTITY_INVALID"],
      ["a lone surrogate", () => "bob\ud800", "KM_IDENTITY_INVALID"],
      ["256 characters", () => "x".repeat(256), "KM_IDENTITY_TOO_LONG"],
      ["1 MB", () => "x".repeat(1 << 20), "KM_IDENTITY_TOO_LONG"],
      [
        "something that throws",
        () => {
          throw new TypeError("req.user is undefined");
        },
        "KM_IDENTITY_FAILED",
      ],
    ])("%s is reported and counts as not known", async (_name, identity, code) => {
      const shop = await shopOf(express, { identity: identity as () => string });
      const browser = shop.browser();
      const answer = await browser.page("/");
      expect(answer.status).toBe(200);
      expect(await shop.heard()).toEqual(both(browser.anonymous));
      expect(new Set(shop.codes)).toEqual(new Set([code]));
    });

    it("false: the request does not count; cookies stay as they are, no command, no alias", async () => {
      const shop = await shopOf(express, { identity: (req) => (req.headers["x-staff"] === undefined ? user(req) : false) });
      const browser = shop.browser();
      await browser.page("/");
      const a = browser.anonymous;
      await shop.quiet();
      shop.rec.clear();
      for (const jar of [browser, shop.browser()]) {
        expect((await jar.page("/", { "x-staff": "1" })).cookies).toEqual([]);
        expect((await jar.page("/silent", { "x-staff": "1" })).cookies).toEqual([]);
        expect((await jar.form("/", { "x-staff": "1", "x-login": "bob" })).cookies).toEqual([]);
      }
      expect(await shop.heard()).toEqual([]);
      expect(shop.rec.client.stats().leftOut).toEqual({ uncounted: 6 });
      await browser.page("/", { "x-user": "bob" });
      expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
    });

    it("is asked again after a log in within the request", async () => {
      const shop = await open(express, (app, rec) => {
        app.use(km({ client: rec.client, identity: (req) => (req as { user?: string }).user ?? null }));
        app.post("/login", (req, res) => {
          req.km.record("Tried");
          (req as { user?: string }).user = "bob";
          req.km.record("Logged In");
          res.send(req.km.identity);
        });
      });
      const browser = shop.browser();
      expect((await browser.form("/login")).text).toBe("bob");
      const a = browser.anonymous;
      expect(await shop.heard()).toEqual([`${a} = bob`, `${a}: Tried`, "bob: Logged In"]);
    });

    it.each(["undefined", "", "guest", "[object Object]"])("identify(%j) leaves the command with the anonymous visitor", async (name) => {
      const shop = await open(express, (app, rec) => {
        app.use(km(rec.client));
        app.get("/", (req, res) => {
          req.km.identify(name);
          req.km.identify({} as string);
          req.km.identify(undefined as unknown as string);
          req.km.record("Seen");
          res.send("hi");
        });
      });
      const browser = shop.browser();
      await browser.page("/");
      expect(await shop.heard()).toEqual([`${browser.anonymous}: Seen`]);
      expect(shop.codes).toHaveLength(3);
    });

    it("junk replaces the rule, and may throw", async () => {
      const junk = (name: string) => {
        if (name === "bang") throw new Error("on purpose");
        return name.endsWith("@shop.example");
      };
      const shop = await shopOf(express, { identity: user, junk });
      await shop.browser().call("/", { "x-user": "guest" });
      await shop.browser().call("/", { "x-user": "bang" });
      expect(await shop.heard()).toEqual([...both("guest"), ...both("bang")]);
      shop.rec.clear();
      const browser = shop.browser();
      await browser.page("/", { "x-user": "test@shop.example" });
      expect(await shop.heard()).toEqual(both(browser.anonymous));
      expect(shop.codes).toEqual(["KM_IDENTITY_JUNK"]);
    });
  });

  describe("anonymous: a mobile app brings its identity itself", () => {
    const mobile = () => shopOf(express, { identity: user, anonymous: (req) => req.headers["x-device"] as string | undefined });

    it("no cookies; the alias goes once, not with every call", async () => {
      const shop = await mobile();
      const app = shop.browser({ "x-device": A });
      expect((await app.call("/")).cookies).toEqual([]);
      for (let call = 0; call < 3; call += 1) expect((await app.call("/", { "x-user": "bob" })).cookies).toEqual([]);
      expect(await shop.heard()).toEqual([...both(A), `${A} = bob`, ...both("bob"), ...both("bob"), ...both("bob")]);
      expect(shop.codes).toEqual([]);
    });

    it("by identify() the alias goes as well, also where nothing is recorded", async () => {
      const shop = await mobile();
      await shop.browser({ "x-device": A }).call("/silent", { "x-login": "bob" });
      expect(await shop.heard()).toEqual([`${A} = bob`]);
    });

    it("a second name on the same device is not tied, and the app is told", async () => {
      const shop = await mobile();
      const app = shop.browser({ "x-device": A });
      await app.call("/", { "x-user": "bob" });
      await app.call("/", { "x-user": "bill" });
      expect(await shop.heard()).toEqual([`${A} = bob`, ...both("bob"), ...both("bill")]);
      expect(new Set(shop.codes)).toEqual(new Set(["KM_ALIAS_CLAIMED"]));
    });

    it.each(["bob", "7c9e6679-7425-40de-944b-e07fc1f90ae7", ""])("the forged %j is not taken", async (device) => {
      const shop = await mobile();
      const browser = shop.browser({ "x-device": device });
      await browser.page("/");
      expect(await shop.heard()).toEqual(both(browser.anonymous));
    });

    it("goes before a cookie", async () => {
      const shop = await mobile();
      const browser = shop.browser({ "x-device": A });
      browser.put("km_ai", B);
      expect((await browser.page("/")).cookies).toEqual([]);
      expect(await shop.heard()).toEqual(both(A));
    });
  });
});
