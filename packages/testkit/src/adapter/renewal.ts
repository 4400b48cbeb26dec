import { afterEach, expect, vi } from "vitest";
import { claimOf } from "./people.ts";
import { byHeader, openShop, type Shop, seen, silent } from "./shop.ts";
import type { Suite } from "./suite.ts";

const DAY = 86_400_000;
const bob = { "x-user": "bob" };
const bill = { "x-user": "bill" };
const theirs = "q1w2e3r4t5y6u7i8o9p0a1s2d3f=";

/** Renewal over the years under a fake clock, and the cookies that KISSmetrics' own script has left. */
export function renewal(suite: Suite): void {
  const open = (): Promise<Shop> => openShop(suite.mount, { options: { identity: byHeader(suite.mount) }, routes: [seen, silent] });
  const { it } = suite;

  suite.describe("renewal", () => {
    afterEach(() => void vi.useRealTimers());
    const start = () => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1, 12) });
      return open();
    };

    it("goes out once a day, on a page load, and repeats the alias", async () => {
      const shop = await start();
      const { browser, a } = await shop.visitor("/silent", bob);
      vi.setSystemTime(Date.UTC(2026, 0, 2, 1));
      expect((await browser.call("/seen", bob)).cookies).toEqual([]);
      expect((await browser.page("/silent", bob)).ours).toHaveLength(2);
      expect((await browser.page("/silent", bob)).ours).toHaveLength(0);
      vi.setSystemTime(Date.UTC(2026, 0, 2, 23));
      expect((await browser.page("/seen", bob)).ours).toHaveLength(0);
      expect(await shop.heard()).toEqual(["bob: Seen", `${a} = bob`, "bob: Seen"]);
    });

    it("somebody who comes monthly keeps one identity for three years", async () => {
      const shop = await start();
      const { browser, a } = await shop.visitor("/silent");
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
      const shop = await start();
      const { browser, a } = await shop.visitor("/silent", bob);
      for (let month = 1; month <= 36; month += 1) {
        vi.setSystemTime(Date.UTC(2026, month, 1 + (month % 28), 12));
        await browser.page("/seen", bob);
        expect((await browser.page("/seen", bob)).ours).toHaveLength(0);
        expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
      }
      expect(new Set(await shop.heard())).toEqual(new Set([`${a} = bob`, "bob: Seen"]));
    });

    it("somebody who was anonymous for a year of monthly visits is still tied at the log in", async () => {
      const shop = await start();
      const { browser, a } = await shop.visitor("/silent");
      for (let month = 1; month <= 12; month += 1) {
        vi.setSystemTime(Date.UTC(2026, month, 1, 12));
        await browser.page("/seen");
      }
      await browser.page("/seen", bob);
      expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
      expect(await shop.aliases()).toEqual([`${a} = bob`]);
    });

    it("somebody who stays away for longer than the cookie lives is new", async () => {
      const shop = await start();
      const { browser, a } = await shop.visitor("/silent");
      vi.setSystemTime(Date.UTC(2026, 0, 1, 12) + 401 * DAY);
      await browser.page("/silent");
      expect(browser.anonymous).not.toBe(a);
    });
  });

  suite.describe("KISSmetrics' own cookie", () => {
    it("without km_ni it is free, and becomes bob's", async () => {
      const shop = await open();
      const browser = shop.browser();
      browser.put("km_ai", encodeURIComponent(theirs));
      await browser.page("/seen");
      expect(shop.codes).toEqual([]);
      await browser.page("/seen", bob);
      expect(browser.value("km_ai")).toBe(encodeURIComponent(theirs));
      expect(await shop.heard()).toEqual([`${theirs}: Seen`, `${theirs} = bob`, "bob: Seen"]);
    });

    it("it belongs to the name in km_ni, under which nothing is recorded", async () => {
      const shop = await open();
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
}
