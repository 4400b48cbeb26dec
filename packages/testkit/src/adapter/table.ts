import { isAnonymous } from "@kmkit/core";
import { expect } from "vitest";
import { claimOf, people } from "./people.ts";
import { byHeader, openShop, type Shop, seen, silent } from "./shop.ts";
import type { Suite } from "./suite.ts";

const DAY = 86_400_000;
const bob = { "x-user": "bob" };
const bill = { "x-user": "bill" };
const nobody = { "x-user": "null" };

/** All rows of the visitor table, end to end. */
export function table(suite: Suite): void {
  const open = (): Promise<Shop> => openShop(suite.mount, { options: { identity: byHeader(suite.mount) }, routes: [seen, silent] });
  const { it } = suite;

  suite.describe("the visitor table", () => {
    for (const [said, who] of [
      ["nothing is known", undefined],
      ["nobody is logged in", nobody],
    ] as const) {
      suite.describe(`where ${said}`, () => {
        it("a first page load makes a new anonymous visitor, free", async () => {
          const shop = await open();
          const browser = shop.browser();
          const answer = await browser.page("/seen", who);
          expect(answer.ours).toHaveLength(2);
          expect([isAnonymous(browser.anonymous), browser.claim]).toEqual([true, "-"]);
          expect(await shop.heard()).toEqual([`${browser.anonymous}: Seen`]);
          expect(shop.codes).toEqual([]);
        });

        it("a first page load mints also where nothing is recorded, and where no route is", async () => {
          const shop = await open();
          for (const path of ["/silent", "/nowhere"]) expect(isAnonymous((await shop.visitor(path, who)).a)).toBe(true);
        });

        it("a command on a cookieless call mints, and is reported once a route", async () => {
          const shop = await open();
          const browser = shop.browser();
          expect((await browser.call("/seen?x=1", who)).ours).toHaveLength(2);
          expect((await shop.browser().call("/seen?x=2", who)).ours).toHaveLength(2);
          expect((await shop.heard())[0]).toBe(`${browser.anonymous}: Seen`);
          expect(shop.rec.errors.map(({ code, detail }) => [code, detail])).toEqual([["KM_VISITOR_UNKNOWN", "GET /seen"]]);
        });

        it("a call or an image that records nothing mints nothing", async () => {
          const shop = await open();
          const browser = shop.browser();
          expect((await browser.call("/silent", who)).cookies).toEqual([]);
          expect((await browser.image("/logo.png")).cookies).toEqual([]);
          expect(await shop.heard()).toEqual([]);
        });

        it("a free identity stays as it is", async () => {
          const shop = await open();
          const { browser, a } = await shop.visitor("/silent");
          expect((await browser.page("/seen", who)).cookies).toEqual([]);
          expect((await browser.call("/seen", who)).cookies).toEqual([]);
          expect(await shop.heard()).toEqual([`${a}: Seen`, `${a}: Seen`]);
        });

        it("an identity in doubt is used, and stays in doubt", async () => {
          const shop = await open();
          const { browser, a } = await shop.visitor("/silent");
          browser.lose((name) => name === "km_claim");
          await browser.page("/seen", who);
          expect([browser.anonymous, browser.claim]).toEqual([a, "?"]);
          expect((await browser.page("/seen", who)).cookies).toEqual([]);
          expect(await shop.heard()).toEqual([`${a}: Seen`, `${a}: Seen`]);
        });
      });
    }

    for (const path of ["/silent", "/seen"]) {
      it(`bob's first page load (${path}) claims a new identity for him and ties it`, async () => {
        const shop = await open();
        const browser = shop.browser();
        await browser.page(path, bob);
        expect(browser.claim).toBe(claimOf(browser.anonymous, "bob"));
        expect(await shop.heard()).toEqual([`${browser.anonymous} = bob`, ...(path === "/seen" ? ["bob: Seen"] : [])]);
      });
    }

    it("bob without cookies on another request is bob, with no cookie and no alias", async () => {
      const shop = await open();
      expect((await shop.browser().call("/seen", bob)).cookies).toEqual([]);
      expect([await shop.heard(), shop.codes]).toEqual([["bob: Seen"], []]);
    });

    for (const kind of ["page", "call", "image"] as const) {
      it(`a free identity becomes bob's on a request of a ${kind}`, async () => {
        const shop = await open();
        const { browser, a } = await shop.visitor("/silent");
        browser.take(await browser.ask("/seen", { headers: bob }, kind));
        expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
        expect(await shop.heard()).toEqual([`${a} = bob`, "bob: Seen"]);
      });
    }

    it("bob's own identity is left as it is", async () => {
      const shop = await open();
      const { browser } = await shop.visitor("/silent", bob);
      expect((await browser.page("/seen", bob)).cookies).toEqual([]);
      expect((await browser.call("/seen", bob)).cookies).toEqual([]);
      expect(await shop.heard()).toEqual(["bob: Seen", "bob: Seen"]);
    });

    it("where nothing is known a claimed identity is still its owner's", async () => {
      const shop = await open();
      const { browser, a } = await shop.visitor("/silent", bob);
      expect((await browser.page("/seen")).cookies).toEqual([]);
      expect(await shop.heard()).toEqual([`${a}: Seen`]);
    });

    for (const kind of ["page", "call"] as const) {
      it(`after a log out, seen on a ${kind}, a fresh identity takes the place of a claimed one`, async () => {
        const shop = await open();
        const { browser, a } = await shop.visitor("/silent", bob);
        browser.take(await browser.ask("/seen", { headers: nobody }, kind));
        const b = browser.anonymous;
        expect([b === a, browser.claim]).toEqual([false, "-"]);
        expect(await shop.heard()).toEqual([`${b}: Seen`]);
        // Fresh, not derived: another browser of the same past gets another one.
        const twin = shop.browser();
        twin.put("km_ai", a);
        twin.put("km_claim", `${a.slice(-8)}.${claimOf(a, "bob")}.${Math.floor(Date.now() / DAY)}`);
        expect(twin.claim).toBe(claimOf(a, "bob"));
        expect((await twin.page("/silent", nobody)).ours[0]).not.toContain(b);
      });
    }

    it("an image after the log out decides nothing", async () => {
      const shop = await open();
      const { browser } = await shop.visitor("/silent", bob);
      expect((await browser.ask("/silent", { headers: nobody }, "image")).cookies).toEqual([]);
    });

    it("bill on bob's browser is bill, with an identity that can only be his; bob and bill stay two", async () => {
      const shop = await open();
      const { browser, a } = await shop.visitor("/silent", bob);
      const before = new Map(browser.jar);
      await browser.page("/seen", bill);
      const b = browser.anonymous;
      expect([b === a, browser.claim]).toEqual([false, claimOf(b, "bill")]);
      expect(await shop.heard()).toEqual([`${b} = bill`, "bill: Seen"]);
      // Derived: a parallel request from the old jar agrees.
      for (const [key, cookie] of before) browser.jar.set(key, cookie);
      await browser.call("/seen", bill);
      expect(browser.anonymous).toBe(b);
    });

    it("from one old jar every name gets an identity of its own, in place of one in doubt or of bob's", async () => {
      for (const [user, lost] of [
        [undefined, "km_claim"],
        [bob, ""],
      ] as const) {
        const shop = await open();
        const { browser } = await shop.visitor("/silent", user);
        browser.lose((name) => name === lost);
        const before = new Map(browser.jar);
        const identities = new Set<string>();
        for (const name of ["bill", "ann", "eve"]) {
          for (const [key, cookie] of before) browser.jar.set(key, cookie);
          browser.lose((cookie) => cookie === lost);
          await browser.page("/seen", { "x-user": name });
          identities.add(browser.anonymous);
        }
        await shop.quiet();
        expect([identities.size, people(shop.rec.commands).length]).toEqual([3, 3]);
      }
    });

    it("bob with an identity in doubt gets another one that is his: nothing is merged", async () => {
      const shop = await open();
      const { browser, a } = await shop.visitor("/silent");
      browser.lose((name) => name === "km_claim");
      await browser.page("/seen", bob);
      const b = browser.anonymous;
      expect([b === a, browser.claim]).toEqual([false, claimOf(b, "bob")]);
      expect(await shop.heard()).toEqual([`${b} = bob`, "bob: Seen"]);
    });

    it("a companion that belongs to another identity counts as none", async () => {
      const shop = await open();
      const { browser, a } = await shop.visitor("/silent");
      browser.put("km_claim", `01234567.-.${Math.floor(Date.now() / DAY)}`);
      await browser.page("/seen", bob);
      expect(browser.anonymous).not.toBe(a);
      expect(await shop.aliases()).toEqual([`${browser.anonymous} = bob`]);
    });

    it("no name stands in any cookie", async () => {
      const shop = await open();
      const browser = shop.browser();
      const lines: string[] = [];
      for (const user of [undefined, "bob@bob.com", "null", "bill@bob.com"]) {
        lines.push(...(await browser.page("/seen", user === undefined ? {} : { "x-user": user })).cookies);
      }
      expect(lines.length).toBeGreaterThan(6);
      expect(lines.join("\n")).not.toMatch(/bob|bill|%40/);
    });
  });
}
