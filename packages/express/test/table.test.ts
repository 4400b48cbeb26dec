import { isAnonymous } from "@kmkit/core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type ExpressRequest, km } from "../src/index.ts";
import { type Browser, claimOf, type Express, open, type Shop, versions } from "./shop.ts";

const DAY = 86_400_000;

/** Says who is logged in: the header `x-user` names them, `null` means nobody, without it nothing is known. */
const byHeader = (req: ExpressRequest) => {
  const user = req.headers["x-user"];
  return user === "null" ? null : (user as string | undefined);
};
const bob = { "x-user": "bob" };
const bill = { "x-user": "bill" };
const nobody = { "x-user": "null" };

const shopOf = (express: Express): Promise<Shop> =>
  open(express, (app, rec) => {
    app.use(km({ client: rec.client, identity: byHeader }));
    app.get("/seen", (req, res) => {
      req.km.record("Seen");
      res.send("seen");
    });
    app.use((_req, res) => void res.send("silent"));
  });

/** A browser that holds an anonymous identity of its own, claimed by `user` if there is one. */
async function visitor(shop: Shop, user?: Record<string, string>): Promise<{ browser: Browser; a: string }> {
  const browser = shop.browser();
  await browser.page("/", user);
  await shop.quiet();
  shop.rec.clear();
  return { browser, a: browser.anonymous };
}

describe.each(versions)("the visitor table, end to end on %s", (_, express) => {
  afterEach(() => void vi.useRealTimers());

  describe.each([
    ["nothing is known", undefined],
    ["nobody is logged in", nobody],
  ])("where %s", (_said, who) => {
    it("a first page load makes a new anonymous visitor, free", async () => {
      const shop = await shopOf(express);
      const browser = shop.browser();
      const answer = await browser.page("/seen", who);
      expect(answer.ours).toHaveLength(2);
      expect(isAnonymous(browser.anonymous)).toBe(true);
      expect(browser.claim).toBe("-");
      expect(await shop.heard()).toEqual([`${browser.anonymous}: Seen`]);
      expect(shop.codes).toEqual([]);
    });

    it("a first page load mints also where nothing is recorded", async () => {
      const { a } = await visitor(await shopOf(express), who);
      expect(isAnonymous(a)).toBe(true);
    });

    it("a command on a cookieless call mints, and is reported once a route", async () => {
      const shop = await shopOf(express);
      const browser = shop.browser();
      expect((await browser.call("/seen?x=1", who)).ours).toHaveLength(2);
      expect((await shop.browser().call("/seen?x=2", who)).ours).toHaveLength(2);
      expect((await shop.heard())[0]).toBe(`${browser.anonymous}: Seen`);
      expect(shop.rec.errors.map(({ code, detail }) => [code, detail])).toEqual([["KM_VISITOR_UNKNOWN", "GET /seen"]]);
    });

    it("a call or an image that records nothing mints nothing", async () => {
      const shop = await shopOf(express);
      const browser = shop.browser();
      expect((await browser.call("/", who)).cookies).toEqual([]);
      expect((await browser.image("/logo.png")).cookies).toEqual([]);
      expect(await shop.heard()).toEqual([]);
    });

    it("a free identity stays as it is", async () => {
      const shop = await shopOf(express);
      const { browser, a } = await visitor(shop);
      expect((await browser.page("/seen", who)).cookies).toEqual([]);
      expect((await browser.call("/seen", who)).cookies).toEqual([]);
      expect(await shop.heard()).toEqual([`${a}: Seen`, `${a}: Seen`]);
    });

    it("an identity in doubt is used, and stays in doubt", async () => {
      const shop = await shopOf(express);
      const { browser, a } = await visitor(shop);
      browser.jar.delete(" / km_claim");
      await browser.page("/seen", who);
      expect([browser.anonymous, browser.claim]).toEqual([a, "?"]);
      expect((await browser.page("/seen", who)).cookies).toEqual([]);
      expect(await shop.heard()).toEqual([`${a}: Seen`, `${a}: Seen`]);
    });
  });

  it.each(["/", "/seen"])("bob's first page load (%s) claims a new identity for him and ties it", async (path) => {
    const shop = await shopOf(express);
    const browser = shop.browser();
    await browser.page(path, bob);
    expect(browser.claim).toBe(claimOf(browser.anonymous, "bob"));
    expect(await shop.heard()).toEqual([`${browser.anonymous} = bob`, ...(path === "/seen" ? ["bob: Seen"] : [])]);
  });

  it("bob without cookies on another request is bob, with no cookie and no alias", async () => {
    const shop = await shopOf(express);
    expect((await shop.browser().call("/seen", bob)).cookies).toEqual([]);
    expect(await shop.heard()).toEqual(["bob: Seen"]);
    expect(shop.codes).toEqual([]);
  });

  it.each(["page", "call", "image"] as const)("a free identity becomes bob's on a %s", async (kind) => {
    const shop = await shopOf(express);
    const { browser, a } = await visitor(shop);
    browser.take(await browser.ask("/seen", { headers: bob }, kind));
    expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
    expect(await shop.heard()).toEqual([`${a} = bob`, "bob: Seen"]);
  });

  it("bob's own identity is left as it is", async () => {
    const shop = await shopOf(express);
    const { browser } = await visitor(shop, bob);
    expect((await browser.page("/seen", bob)).cookies).toEqual([]);
    expect((await browser.call("/seen", bob)).cookies).toEqual([]);
    expect(await shop.heard()).toEqual(["bob: Seen", "bob: Seen"]);
  });

  it("where nothing is known a claimed identity is still its owner's", async () => {
    const shop = await shopOf(express);
    const { browser, a } = await visitor(shop, bob);
    expect((await browser.page("/seen")).cookies).toEqual([]);
    expect(await shop.heard()).toEqual([`${a}: Seen`]);
  });

  it.each(["page", "call"] as const)("after a log out, seen on a %s, a fresh identity takes the place of a claimed one", async (kind) => {
    const shop = await shopOf(express);
    const { browser, a } = await visitor(shop, bob);
    browser.take(await browser.ask("/seen", { headers: nobody }, kind));
    const b = browser.anonymous;
    expect(b).not.toBe(a);
    expect(browser.claim).toBe("-");
    expect(await shop.heard()).toEqual([`${b}: Seen`]);
    // Fresh, not derived: another browser of the same past gets another one.
    const twin = shop.browser();
    twin.put("km_ai", a);
    twin.put("km_claim", `${a.slice(-8)}.${claimOf(a, "bob")}.${Math.floor(Date.now() / DAY)}`);
    expect(twin.claim).toBe(claimOf(a, "bob"));
    expect((await twin.page("/", nobody)).ours[0]).not.toContain(b);
  });

  it("an image after the log out decides nothing", async () => {
    const shop = await shopOf(express);
    const { browser } = await visitor(shop, bob);
    expect((await browser.ask("/logo.png", { headers: nobody }, "image")).cookies).toEqual([]);
  });

  it("bill on bob's browser is bill, with an identity that can only be his; bob and bill stay two", async () => {
    const shop = await shopOf(express);
    const { browser, a } = await visitor(shop, bob);
    const before = new Map(browser.jar);
    await browser.page("/seen", bill);
    const b = browser.anonymous;
    expect(b).not.toBe(a);
    expect(browser.claim).toBe(claimOf(b, "bill"));
    expect(await shop.heard()).toEqual([`${b} = bill`, "bill: Seen"]);
    // Derived: a parallel request from the old jar agrees.
    for (const [key, cookie] of before) browser.jar.set(key, cookie);
    await browser.call("/seen", bill);
    expect(browser.anonymous).toBe(b);
  });

  it("bob with an identity in doubt gets another one that is his: nothing is merged", async () => {
    const shop = await shopOf(express);
    const { browser, a } = await visitor(shop);
    browser.jar.delete(" / km_claim");
    await browser.page("/seen", bob);
    const b = browser.anonymous;
    expect(b).not.toBe(a);
    expect(browser.claim).toBe(claimOf(b, "bob"));
    expect(await shop.heard()).toEqual([`${b} = bob`, "bob: Seen"]);
  });

  it("a companion that belongs to another identity counts as none", async () => {
    const shop = await shopOf(express);
    const { browser, a } = await visitor(shop);
    browser.put("km_claim", `01234567.-.${Math.floor(Date.now() / DAY)}`);
    await browser.page("/seen", bob);
    expect(browser.anonymous).not.toBe(a);
    expect(await shop.aliases()).toEqual([`${browser.anonymous} = bob`]);
  });

  describe("KISSmetrics' own cookie", () => {
    const theirs = "q1w2e3r4t5y6u7i8o9p0a1s2d3f=";

    it("without km_ni it is free, and becomes bob's", async () => {
      const shop = await shopOf(express);
      const browser = shop.browser();
      browser.put("km_ai", encodeURIComponent(theirs));
      await browser.page("/seen");
      expect(shop.codes).toEqual([]);
      await browser.page("/seen", bob);
      expect(browser.value("km_ai")).toBe(encodeURIComponent(theirs));
      expect(await shop.heard()).toEqual([`${theirs}: Seen`, `${theirs} = bob`, "bob: Seen"]);
    });

    it("it belongs to the name in km_ni, under which nothing is recorded", async () => {
      const shop = await shopOf(express);
      const browser = shop.browser();
      browser.put("km_ai", theirs);
      browser.put("km_ni", "bob");
      await browser.call("/seen");
      await browser.page("/seen", bob);
      expect(browser.claim).toBe(claimOf(theirs, "bob"));
      await browser.page("/seen", bill);
      expect(await shop.heard()).toEqual([`${theirs}: Seen`, "bob: Seen", `${browser.anonymous} = bill`, "bill: Seen"]);
      expect(browser.anonymous).not.toBe(theirs);
    });
  });

  it("no name stands in any cookie", async () => {
    const shop = await shopOf(express);
    const browser = shop.browser();
    const lines: string[] = [];
    for (const user of [undefined, "bob@bob.com", "null", "bill@bob.com"]) {
      lines.push(...(await browser.page("/seen", user === undefined ? {} : { "x-user": user })).cookies);
    }
    expect(lines.length).toBeGreaterThan(6);
    expect(lines.join("\n")).not.toMatch(/bob|bill|%40/);
  });

  it("reading the identity mints nothing and tells what would be minted", async () => {
    const shop = await open(express, (app, rec) => {
      app.use(km(rec.client));
      app.get("/who", (req, res) => void res.json([req.km.identity, req.km.anonymous, req.km.identity]));
      app.get("/act", (req, res) => {
        const first = req.km.identity;
        req.km.record("Act");
        res.json([first, req.km.identity]);
      });
    });
    const who = await shop.browser().call("/who");
    const [first, anonymous, second] = JSON.parse(who.text) as [string, boolean, string];
    expect([isAnonymous(first), anonymous, second, who.cookies]).toEqual([true, true, first, []]);
    const browser = shop.browser();
    const act = JSON.parse((await browser.page("/act")).text) as string[];
    expect(act).toEqual([browser.anonymous, browser.anonymous]);
  });

  describe("renewal", () => {
    it("goes out once a day, on a page load, and repeats the alias", async () => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1, 12) });
      const shop = await shopOf(express);
      const { browser, a } = await visitor(shop, bob);
      vi.setSystemTime(Date.UTC(2026, 0, 2, 1));
      expect((await browser.call("/seen", bob)).cookies).toEqual([]);
      expect((await browser.page("/", bob)).ours).toHaveLength(2);
      expect((await browser.page("/", bob)).ours).toHaveLength(0);
      vi.setSystemTime(Date.UTC(2026, 0, 2, 23));
      expect((await browser.page("/seen", bob)).ours).toHaveLength(0);
      expect(await shop.heard()).toEqual(["bob: Seen", `${a} = bob`, "bob: Seen"]);
    });

    it("somebody who comes monthly keeps one identity for three years", async () => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1, 12) });
      const shop = await shopOf(express);
      const { browser, a } = await visitor(shop);
      for (let month = 1; month <= 36; month += 1) {
        vi.setSystemTime(Date.UTC(2026, month, 1 + (month % 28), 12));
        expect((await browser.page("/seen")).ours).toHaveLength(2);
        expect((await browser.page("/seen")).ours).toHaveLength(0);
      }
      expect(browser.anonymous).toBe(a);
      expect(new Set(await shop.heard())).toEqual(new Set([`${a}: Seen`]));
      expect(shop.codes).toEqual([]);
    });

    it("bob who comes monthly keeps one identity, which is his, for three years", async () => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1, 12) });
      const shop = await shopOf(express);
      const { browser, a } = await visitor(shop, bob);
      for (let month = 1; month <= 36; month += 1) {
        vi.setSystemTime(Date.UTC(2026, month, 1 + (month % 28), 12));
        await browser.page("/seen", bob);
        expect((await browser.page("/seen", bob)).ours).toHaveLength(0);
        expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
      }
      expect(new Set(await shop.heard())).toEqual(new Set([`${a} = bob`, "bob: Seen"]));
    });

    it("somebody who was anonymous for a year of monthly visits is still tied at the log in", async () => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1, 12) });
      const shop = await shopOf(express);
      const { browser, a } = await visitor(shop);
      for (let month = 1; month <= 12; month += 1) {
        vi.setSystemTime(Date.UTC(2026, month, 1, 12));
        await browser.page("/seen");
      }
      await browser.page("/seen", bob);
      expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
      expect(await shop.aliases()).toEqual([`${a} = bob`]);
    });

    it("somebody who stays away for longer than the cookie lives is new", async () => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1, 12) });
      const shop = await shopOf(express);
      const { browser, a } = await visitor(shop);
      vi.setSystemTime(Date.UTC(2026, 0, 1, 12) + 401 * DAY);
      await browser.page("/");
      expect(browser.anonymous).not.toBe(a);
    });
  });
});
