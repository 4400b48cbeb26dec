import type { Request } from "express";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type ExpressRequest, km } from "../src/index.ts";
import { claimOf, type Express, open, people, type Shop, versions } from "./shop.ts";

const OTHER = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f85c4";
const user = (req: ExpressRequest) => (req.headers["x-user"] as string | undefined) ?? undefined;

const shopOf = (express: Express, work: (req: Request) => unknown): Promise<Shop> =>
  open(express, (app, rec) => {
    app.use(km({ client: rec.client, identity: user, anonymous: (req) => req.headers["x-device"] as string | undefined }));
    app.get("/free", (_req, res) => void res.send("free"));
    app.all("/", (req, res) => {
      work(req);
      res.send("done");
    });
  });

describe.each(versions)("alias() on %s", (_, express) => {
  it.each<[string, (req: Request) => void]>([
    ["name first, the visitor by default", (req) => req.km.alias("bob")],
    ["the visitor first", (req) => req.km.alias(req.km.identity, "bob")],
    ["the visitor last", (req) => req.km.alias("bob", req.km.identity)],
  ])("claims the visitor's own anonymous identity (%s)", async (_name, work) => {
    const shop = await shopOf(express, work);
    const browser = shop.browser();
    await browser.page("/free");
    const a = browser.anonymous;
    await browser.call("/");
    expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
    expect(await shop.heard()).toEqual([`${a} = bob`]);
    await browser.page("/free", { "x-user": "bob" });
    expect(browser.anonymous).toBe(a);
    await browser.page("/free", { "x-user": "bill" });
    expect(await shop.heard()).toEqual([`${a} = bob`, `${browser.anonymous} = bill`]);
    expect(browser.anonymous).not.toBe(a);
  });

  it("claims it also for a user whose id is a UUIDv7, as many databases make them", async () => {
    const shop = await shopOf(express, (req) => req.km.alias(OTHER));
    const browser = shop.browser();
    await browser.page("/free");
    const a = browser.anonymous;
    await browser.call("/");
    expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, OTHER)]);
  });

  it("on a first page load claims the identity that is minted there", async () => {
    const shop = await shopOf(express, (req) => req.km.alias("bob"));
    const browser = shop.browser();
    await browser.page("/");
    expect(browser.claim).toBe(claimOf(browser.anonymous, "bob"));
    expect(await shop.heard()).toEqual([`${browser.anonymous} = bob`]);
  });

  it("of what is bob's already with bob goes out again: it is harmless", async () => {
    const shop = await shopOf(express, (req) => req.km.alias("bob"));
    const browser = shop.browser();
    await browser.page("/");
    await browser.page("/");
    expect(new Set(await shop.heard())).toEqual(new Set([`${browser.anonymous} = bob`]));
  });

  it("of another's identity is refused with a code, and counted", async () => {
    const shop = await shopOf(express, (req) => {
      req.km.alias("bill");
      req.km.record("Seen");
    });
    const browser = shop.browser();
    await browser.page("/free", { "x-user": "bob" });
    const a = browser.anonymous;
    await browser.page("/");
    expect(await shop.heard()).toEqual([`${a} = bob`, `${a}: Seen`]);
    expect(shop.codes).toEqual(["KM_ALIAS_CLAIMED", "KM_IDENTITY_NEVER_NULL"]);
    expect(shop.rec.client.stats().refused).toEqual({ KM_ALIAS_CLAIMED: 1 });
    expect(browser.claim).toBe(claimOf(a, "bob"));
  });

  it("of an identity in doubt is refused as well", async () => {
    const shop = await shopOf(express, (req) => req.km.alias("bill"));
    const browser = shop.browser();
    browser.put("km_ai", OTHER);
    await browser.page("/");
    expect(await shop.heard()).toEqual([]);
    expect(shop.codes).toEqual(["KM_ALIAS_CLAIMED"]);
  });

  it("of two names in one request: the second is refused", async () => {
    const shop = await shopOf(express, (req) => {
      req.km.alias("bob");
      req.km.alias("bill");
    });
    const browser = shop.browser();
    await browser.page("/");
    expect(await shop.heard()).toEqual([`${browser.anonymous} = bob`]);
    expect(shop.codes).toEqual(["KM_ALIAS_CLAIMED"]);
  });

  it.each([{}, { "x-user": "bob" }, { "x-user": "somebody" }])("of two names is always sent (%j)", async (headers) => {
    const shop = await shopOf(express, (req) => req.km.alias("bob@old.example", "bob@new.example"));
    const browser = shop.browser();
    await browser.page("/free");
    await browser.call("/", headers);
    await browser.call("/", headers);
    const sent = (await shop.aliases()).filter((line) => line.includes("@"));
    expect(sent).toEqual(Array(2).fill("bob@old.example = bob@new.example"));
    expect(shop.codes).toEqual([]);
  });

  it("of a named visitor with another name of his needs no second argument", async () => {
    const shop = await shopOf(express, (req) => req.km.alias("bob@new.example"));
    await shop.browser().call("/", { "x-user": "bob" });
    expect(await shop.heard()).toEqual(["bob@new.example = bob"]);
  });

  it("of an anonymous identity that is not this visitor's is sent as the app says", async () => {
    const shop = await shopOf(express, (req) => req.km.alias(OTHER, "bob"));
    await shop.browser().page("/");
    expect(await shop.heard()).toEqual([`${OTHER} = bob`]);
  });

  it.each(["", "undefined", "null", "[object Object]", "NaN", "guest", "GUEST", 0, {}, undefined, null, "x".repeat(256), "\ud800"])(
    "of the placeholder %j is refused with a code",
    async (junk) => {
      const shop = await shopOf(express, (req) => {
        req.km.alias(junk as string);
        req.km.alias("bob", (junk ?? "none") as string);
        req.km.record("Seen");
      });
      const browser = shop.browser();
      await browser.page("/");
      expect(await shop.heard()).toEqual([`${browser.anonymous}: Seen`]);
      expect(shop.codes).toHaveLength(2);
      for (const code of shop.codes) expect(code).toMatch(/^KM_IDENTITY_(JUNK|EMPTY|INVALID|TOO_LONG)$/);
    },
  );

  it("of an identity with itself says nothing", async () => {
    const shop = await shopOf(express, (req) => {
      req.km.alias(req.km.identity);
      req.km.alias("bob", "bob");
    });
    await shop.browser().page("/");
    expect(await shop.heard()).toEqual([]);
    expect(shop.codes).toEqual([]);
  });

  it("of an identity that the app brings itself goes once; to a second name it is refused", async () => {
    const shop = await shopOf(express, (req) => req.km.alias(String(req.headers["x-alias"])));
    const app = shop.browser({ "x-device": OTHER });
    for (const name of ["bob", "bob", "bill"]) await app.call("/", { "x-alias": name });
    expect(await shop.heard()).toEqual([`${OTHER} = bob`]);
    expect(shop.codes).toEqual(["KM_ALIAS_CLAIMED"]);
  });
});

describe.each(versions)("identify() in mid-request on %s", (_, express) => {
  afterEach(() => void vi.useRealTimers());

  it("commands before it stand under the anonymous identity, later ones under the name", async () => {
    const shop = await shopOf(express, (req) => {
      req.km.record("Tried");
      req.km.identify("bob");
      req.km.record("Logged In");
      req.km.set({ Plan: "Pro" });
    });
    const browser = shop.browser();
    await browser.form("/");
    const a = browser.anonymous;
    expect(await shop.heard()).toEqual([`${a} = bob`, `${a}: Tried`, "bob: Logged In", 'bob {"Plan":"Pro"}']);
  });

  it("of two names in one request: both stand, and they stay two", async () => {
    const shop = await shopOf(express, (req) => {
      req.km.identify("bob");
      req.km.record("One");
      req.km.identify("bill");
      req.km.record("Two");
    });
    const browser = shop.browser();
    await browser.page("/free");
    const a = browser.anonymous;
    await browser.page("/");
    const b = browser.anonymous;
    expect([b === a, browser.claim]).toEqual([false, claimOf(b, "bill")]);
    const heard = await shop.heard();
    expect(heard.filter((line) => !line.includes(" = "))).toEqual(["bob: One", "bill: Two"]);
    expect(heard).toContain(`${b} = bill`);
    expect(heard).not.toContain(`${a} = bill`);
  });

  it("of two names in one request: an identity that the answer did not carry is tied to none, since a late answer may free it", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1, 12) });
    const shop = await shopOf(express, (req) => {
      req.km.identify("bob");
      req.km.record("One");
      req.km.identify("bill");
    });
    const browser = shop.browser();
    await browser.page("/free");
    vi.setSystemTime(Date.UTC(2026, 0, 2, 12));
    const late = await browser.ask("/free");
    await browser.page("/");
    browser.take(late);
    await browser.page("/free", { "x-user": "bill" });
    await shop.quiet();
    expect(people(shop.rec.commands).filter((one) => one.includes("bob") && one.includes("bill"))).toEqual([]);
  });

  it("a log out in mid-request: later commands stand under a fresh identity, which the answer carries", async () => {
    const shop = await shopOf(express, (req) => {
      req.km.record("Leaving");
      req.km.identify(null);
      req.km.record("Left");
    });
    const browser = shop.browser();
    await browser.page("/free", { "x-user": "bob" });
    const a = browser.anonymous;
    await browser.call("/", { "x-user": "bob" });
    expect(await shop.heard()).toEqual([`${a} = bob`, "bob: Leaving", `${browser.anonymous}: Left`]);
    expect(browser.anonymous).not.toBe(a);
  });
});
