import type { RequestOptions } from "@kmkit/core";
import { expect } from "vitest";
import { byHeader, openShop, type Shop, seen, silent } from "./shop.ts";
import type { Suite } from "./suite.ts";

const yes = { "x-consent": "yes" };
const no = { "x-consent": "no" };
const bob = { "x-user": "bob" };

/** The `consent` option with its three answers, and with those that are none. */
export function consent(suite: Suite): void {
  const { it, mount } = suite;
  const answers: Record<string, boolean> = { yes: true, no: false };
  const open = (options: RequestOptions<unknown> = {}): Promise<Shop> =>
    openShop(mount, {
      routes: [seen, silent],
      options: {
        identity: byHeader(mount),
        consent: (native) => answers[mount.header(native as object, "x-consent") ?? ""],
        ...options,
      },
    });

  suite.describe("consent", () => {
    it("not asked yet: no cookie and no anonymous command; a named visitor's commands stand, without a cookie", async () => {
      const shop = await open();
      const browser = shop.browser();
      expect((await browser.page("/seen")).cookies).toEqual([]);
      expect(shop.rec.client.stats().leftOut).toEqual({ consent: 1 });
      expect((await browser.page("/seen", bob)).cookies).toEqual([]);
      expect(await shop.heard()).toEqual(["bob: Seen"]);
    });

    it("refused: nothing of anybody's, and both cookies are expired, once", async () => {
      const shop = await open();
      const browser = shop.browser();
      await browser.page("/silent", yes);
      expect(browser.jar.size).toBe(2);
      const refused = await browser.page("/seen", { ...no, ...bob });
      for (const line of refused.cookies) expect(line).toMatch(/^km_\w+=;.*Max-Age=0/);
      // A cache that keeps it would take away everybody's cookies.
      expect(refused.headers["cache-control"]).toBe("private");
      expect(browser.jar.size).toBe(0);
      expect((await browser.page("/seen", no)).cookies).toEqual([]);
      expect([await shop.heard(), shop.rec.client.stats().leftOut]).toEqual([[], { consent: 2 }]);
    });

    it("given: as without the option; not asked anew it goes on with the same identity", async () => {
      const shop = await open();
      const browser = shop.browser();
      await browser.page("/seen", yes);
      const a = browser.anonymous;
      expect((await browser.page("/seen")).cookies).toEqual([]);
      await browser.page("/seen", { ...yes, ...bob });
      expect(await shop.heard()).toEqual([`${a}: Seen`, `${a} = bob`, "bob: Seen"]);
    });

    it("refused under a shared domain: all of them expire", async () => {
      const shop = await open({ cookie: { domain: ".shop.example" } });
      const browser = shop.browser({ host: "www.shop.example" });
      await browser.page("/silent", yes);
      expect(browser.jar.size).toBe(2);
      await browser.page("/seen", no);
      expect(browser.jar.size).toBe(0);
    });

    it("a promise is no answer: it counts as not asked, also if it fails", async () => {
      for (const promise of [() => Promise.resolve(true), () => Promise.resolve(false), () => Promise.reject(new Error("on purpose"))]) {
        const shop = await open({ consent: promise as unknown as () => boolean });
        expect((await shop.browser().page("/seen")).cookies).toEqual([]);
        expect(await shop.heard()).toEqual([]);
      }
    });

    it("what throws counts as not asked, and is reported", async () => {
      const shop = await open({
        consent: () => {
          throw new Error("on purpose");
        },
      });
      expect((await shop.browser().page("/seen")).status).toBe(200);
      expect([await shop.heard(), shop.codes]).toEqual([[], ["KM_IDENTITY_FAILED", "KM_LEFT_OUT"]]);
    });
  });
}
