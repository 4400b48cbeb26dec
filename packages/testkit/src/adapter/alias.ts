import { afterEach, expect, vi } from "vitest";
import type { Turn } from "./mount.ts";
import { claimOf, people } from "./people.ts";
import { byHeader, get, openShop, post, type Shop, silent } from "./shop.ts";
import type { Suite } from "./suite.ts";

const OTHER = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f85c4";
const placeholders = [
  "",
  "undefined",
  "null",
  "[object Object]",
  "NaN",
  "guest",
  "GUEST",
  0,
  {},
  undefined,
  null,
  "x".repeat(256),
  "\ud800",
];

/** `alias()` and `identify()` in mid-request, and odd values between good commands. */
export function alias(suite: Suite): void {
  const { it, mount } = suite;
  const open = (work: (turn: Turn) => unknown): Promise<Shop> => {
    const act = (turn: Turn) => {
      work(turn);
      turn.send("done");
    };
    return openShop(mount, { options: { identity: byHeader(mount) }, routes: [get("/", act), post("/", act), silent] });
  };

  suite.describe("alias()", () => {
    for (const [which, work] of [
      ["name first, the visitor by default", (turn: Turn) => turn.km.alias("bob")],
      ["the visitor first", (turn: Turn) => turn.km.alias(turn.km.identity, "bob")],
      ["the visitor last", (turn: Turn) => turn.km.alias("bob", turn.km.identity)],
    ] as const) {
      it(`claims the visitor's own anonymous identity (${which})`, async () => {
        const shop = await open(work);
        const { browser, a } = await shop.visitor("/silent");
        await browser.call("/");
        expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
        expect(await shop.heard()).toEqual([`${a} = bob`]);
        await browser.page("/silent", { "x-user": "bob" });
        expect(browser.anonymous).toBe(a);
        await browser.page("/silent", { "x-user": "bill" });
        expect(await shop.heard()).toEqual([`${a} = bob`, `${browser.anonymous} = bill`]);
        expect(browser.anonymous).not.toBe(a);
      });
    }

    it("claims it also for a user whose id is a UUIDv7, as many databases make them", async () => {
      const shop = await open((turn) => turn.km.alias(OTHER));
      const { browser, a } = await shop.visitor("/silent");
      await browser.call("/");
      expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, OTHER)]);
    });

    it("on a first page load claims the identity that is minted there; again it is harmless", async () => {
      const shop = await open((turn) => turn.km.alias("bob"));
      const browser = shop.browser();
      for (let view = 0; view < 2; view += 1) await browser.page("/");
      expect(browser.claim).toBe(claimOf(browser.anonymous, "bob"));
      expect(new Set(await shop.heard())).toEqual(new Set([`${browser.anonymous} = bob`]));
    });

    it("of another's identity is refused with a code, and counted", async () => {
      const shop = await open((turn) => void [turn.km.alias("bill"), turn.km.record("Seen")]);
      const { browser, a } = await shop.visitor("/silent", { "x-user": "bob" });
      await browser.page("/");
      expect([await shop.heard(), browser.claim]).toEqual([[`${a}: Seen`], claimOf(a, "bob")]);
      expect(shop.codes).toEqual(["KM_ALIAS_CLAIMED", "KM_IDENTITY_NEVER_NULL"]);
      expect(shop.rec.client.stats().refused).toEqual({ KM_ALIAS_CLAIMED: 1 });
    });

    it("of an identity in doubt is refused as well", async () => {
      const shop = await open((turn) => turn.km.alias("bill"));
      const browser = shop.browser();
      browser.put("km_ai", OTHER);
      await browser.page("/");
      expect([await shop.heard(), shop.codes]).toEqual([[], ["KM_ALIAS_CLAIMED"]]);
    });

    it("of two names in one request: the second is refused", async () => {
      const shop = await open((turn) => void [turn.km.alias("bob"), turn.km.alias("bill")]);
      const browser = shop.browser();
      await browser.page("/");
      expect([await shop.heard(), shop.codes]).toEqual([[`${browser.anonymous} = bob`], ["KM_ALIAS_CLAIMED"]]);
    });

    it("of two names is always sent, whoever the visitor is", async () => {
      for (const headers of [{}, { "x-user": "bob" }, { "x-user": "somebody" }]) {
        const shop = await open((turn) => turn.km.alias("bob@old.example", "bob@new.example"));
        const { browser } = await shop.visitor("/silent");
        for (let call = 0; call < 2; call += 1) await browser.call("/", headers);
        const sent = (await shop.aliases()).filter((line) => line.includes("@"));
        expect([sent, shop.codes]).toEqual([Array(2).fill("bob@old.example = bob@new.example"), []]);
      }
    });

    it("of a named visitor with another name of theirs needs no second argument", async () => {
      const shop = await open((turn) => turn.km.alias("bob@new.example"));
      await shop.browser().call("/", { "x-user": "bob" });
      expect(await shop.heard()).toEqual(["bob@new.example = bob"]);
    });

    it("of an anonymous identity that is not this visitor's is sent as the app says; of one with itself nothing", async () => {
      const shop = await open((turn) => void [turn.km.alias(OTHER, "bob"), turn.km.alias(turn.km.identity), turn.km.alias("bob", "bob")]);
      await shop.browser().page("/");
      expect([await shop.heard(), shop.codes]).toEqual([[`${OTHER} = bob`], []]);
    });

    it("of a placeholder is refused with a code", async () => {
      for (const junk of placeholders) {
        const shop = await open(({ km }) => {
          km.alias(junk as string);
          km.alias("bob", (junk ?? "none") as string);
          km.record("Seen");
        });
        const browser = shop.browser();
        await browser.page("/");
        expect([await shop.heard(), shop.codes.length]).toEqual([[`${browser.anonymous}: Seen`], 2]);
        for (const code of shop.codes) expect(code).toMatch(/^KM_IDENTITY_(JUNK|EMPTY|INVALID|TOO_LONG)$/);
      }
    });
  });

  suite.describe("identify() in mid-request", () => {
    afterEach(() => void vi.useRealTimers());

    it("commands before it stand under the anonymous identity, later ones under the name", async () => {
      const shop = await open(({ km }) => void [km.record("Tried"), km.identify("bob"), km.record("Logged In"), km.set({ Plan: "Pro" })]);
      const browser = shop.browser();
      await browser.form("/");
      const a = browser.anonymous;
      expect(await shop.heard()).toEqual([`${a} = bob`, `${a}: Tried`, "bob: Logged In", 'bob {"Plan":"Pro"}']);
    });

    it("of two names in one request: both stand, and they stay two", async () => {
      const shop = await open(({ km }) => void [km.identify("bob"), km.record("One"), km.identify("bill"), km.record("Two")]);
      const { browser, a } = await shop.visitor("/silent");
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
      const shop = await open(({ km }) => void [km.identify("bob"), km.record("One"), km.identify("bill")]);
      const { browser } = await shop.visitor("/silent");
      vi.setSystemTime(Date.UTC(2026, 0, 2, 12));
      const late = await browser.ask("/silent");
      await browser.page("/");
      browser.take(late);
      await browser.page("/silent", { "x-user": "bill" });
      await shop.quiet();
      expect(people(shop.rec.commands).filter((one) => one.includes("bob") && one.includes("bill"))).toEqual([]);
    });

    it("a log out in mid-request: later commands stand under a fresh identity, which the answer carries", async () => {
      const shop = await open(({ km }) => void [km.record("Leaving"), km.identify(null), km.record("Left")]);
      const { browser, a } = await shop.visitor("/silent", { "x-user": "bob" });
      await browser.call("/", { "x-user": "bob" });
      expect(await shop.heard()).toEqual(["bob: Leaving", `${browser.anonymous}: Left`]);
      expect(browser.anonymous).not.toBe(a);
    });
  });

  it("odd values between good commands cost themselves alone, and nothing throws", async () => {
    const odd: Record<string, unknown> = { ok: 1, big: 9007199254740993n, nul: "a\u0000b", when: new Date(Number.NaN) };
    odd.self = odd;
    Object.defineProperty(odd, "boom", {
      enumerable: true,
      get: () => {
        throw new Error("on purpose");
      },
    });
    const shop = await open(({ km }) => {
      km.record("Before", { n: 1 });
      km.record("Paid", odd);
      odd.ok = 2;
      for (const junk of [undefined, null, 0, "", [], Symbol("x"), () => 1]) km.record(junk as never, junk as never, junk as never);
      km.record("After", { n: 2 });
    });
    await shop.browser().page("/");
    await shop.quiet();
    const named = (name: string) => shop.rec.commands.find((one) => one.type === "record" && one.name === name);
    expect(named("Before")).toMatchObject({ properties: { n: 1 } });
    expect(named("After")).toMatchObject({ properties: { n: 2 } });
    expect((named("Paid") as { properties: unknown }).properties).toEqual({ ok: 1, big: "9007199254740993", nul: "a\u0000b" });
  });
}
