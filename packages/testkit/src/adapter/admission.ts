import { type Client, type Command, createKm, type RequestOptions } from "@kmkit/core";
import { expect, onTestFinished } from "vitest";
import { told } from "./people.ts";
import { byHeader, logIn, openShop, type Shop, seen, silent } from "./shop.ts";
import type { Suite } from "./suite.ts";

const A = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f85c4";
const googlebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
const prefetches: Record<string, string>[] = [
  { "sec-purpose": "prefetch" },
  { "sec-purpose": "prefetch;prerender" },
  { "sec-purpose": "prefetch;anonymous-client-ip" },
  { purpose: "prefetch" },
  { purpose: "Prefetch" },
  { "x-moz": "prefetch" },
  { "next-router-prefetch": "1" },
];

/** Who counts: prefetches, wishes, programs, and requests that the app leaves out. */
export function admission(suite: Suite): void {
  const { it, mount } = suite;
  const open = (options: RequestOptions<unknown> = {}, client?: Client): Promise<Shop> =>
    openShop(mount, {
      options: { identity: byHeader(mount), ...options },
      routes: [seen, silent, logIn],
      ...(client === undefined ? {} : { client }),
    });

  suite.describe("prefetches", () => {
    for (const headers of prefetches) {
      it(`${JSON.stringify(headers)} mints nothing and records nothing; the real GET does, once`, async () => {
        const shop = await open();
        const browser = shop.browser();
        expect((await browser.page("/seen", headers)).cookies).toEqual([]);
        expect((await browser.page("/seen", { ...headers, "x-user": "bob" })).cookies).toEqual([]);
        expect(await shop.heard()).toEqual([]);
        expect(shop.rec.client.stats().leftOut).toEqual({ prefetch: 2 });
        expect((await browser.page("/seen")).ours).toHaveLength(2);
        expect(await shop.heard()).toEqual([`${browser.anonymous}: Seen`]);
      });
    }

    it("prefetch: true counts them", async () => {
      const shop = await open({ prefetch: true });
      expect((await shop.browser().page("/seen", { "sec-purpose": "prefetch" })).ours).toHaveLength(2);
      expect(await shop.heard()).toHaveLength(1);
    });
  });

  suite.describe("wishes of visitors", () => {
    for (const [reason, headers, options] of [
      ["gpc", { "sec-gpc": "1" }, {}],
      ["dnt", { dnt: "1" }, { dnt: true }],
    ] as const) {
      it(`${reason}: an anonymous visitor leaves no trace, a named one counts without cookies`, async () => {
        const shop = await open(options);
        const browser = shop.browser(headers);
        expect((await browser.page("/seen")).cookies).toEqual([]);
        expect([await shop.heard(), shop.rec.client.stats().leftOut]).toEqual([[], { [reason]: 1 }]);
        expect((await browser.page("/seen", { "x-user": "bob" })).cookies).toEqual([]);
        expect(await shop.heard()).toEqual(["bob: Seen"]);
      });
    }

    for (const [what, headers, options] of [
      ["Sec-GPC with gpc: false", { "sec-gpc": "1" }, { gpc: false }],
      ["DNT by default", { dnt: "1" }, {}],
      ["Sec-GPC: 0", { "sec-gpc": "0" }, {}],
    ] as const) {
      it(`${what} leaves nobody out`, async () => {
        const shop = await open(options);
        expect((await shop.browser(headers).page("/seen")).ours).toHaveLength(2);
        expect(await shop.heard()).toHaveLength(1);
      });
    }
  });

  suite.describe("programs", () => {
    const withBots = async (options: RequestOptions<unknown> = {}) => {
      const got: Command[] = [];
      const transport = async (batch: Iterable<Command>) => {
        got.push(...batch);
        return { type: "accepted" as const };
      };
      const client = createKm({ transport, onError: () => {} });
      onTestFinished(async () => void (await client.close()));
      const shop = await open(options, client);
      const heard = async () => {
        await shop.quiet();
        await client.flush();
        return told(got);
      };
      return { shop, client, heard };
    };

    for (const agent of [googlebot, "bingbot/2.0", "facebookexternalhit/1.1", "GPTBot/1.2"]) {
      it(`${agent}: no cookie, no command, counted`, async () => {
        const { shop, client, heard } = await withBots();
        const browser = shop.browser({ "user-agent": agent });
        expect((await browser.page("/seen")).cookies).toEqual([]);
        expect((await browser.page("/silent")).cookies).toEqual([]);
        expect([await heard(), client.stats().leftOut]).toEqual([[], { bot: 2 }]);
      });
    }

    it("HTTP libraries, headless browsers and no agent at all are visitors", async () => {
      const agents = [
        "curl/8.5.0",
        "axios/1.7.2",
        "okhttp/4.9.0",
        "node",
        "python-httpx/0.27",
        "HeadlessChrome/120.0.0.0",
        "",
        "Stripe/1.0",
      ];
      const { shop, client, heard } = await withBots();
      const expected: string[] = [];
      for (const agent of agents) {
        const browser = shop.browser({ "user-agent": agent });
        await browser.page("/seen");
        expected.push(`${browser.anonymous}: Seen`);
      }
      expect([await heard(), client.stats().leftOut]).toEqual([expected, {}]);
    });

    it("a crawler's name with a valid cookie or a login is a visitor", async () => {
      const { shop, heard } = await withBots();
      const browser = shop.browser({ "user-agent": googlebot });
      browser.put("km_ai", A);
      browser.put("km_claim", `${A.slice(-8)}.-.1`);
      await browser.call("/seen");
      await shop.browser({ "user-agent": googlebot }).call("/seen", { "x-user": "bob" });
      expect(await heard()).toEqual([`${A}: Seen`, "bob: Seen"]);
    });

    it("bots replaces the list, and may throw", async () => {
      const bots = (agent: string) => {
        if (agent === "bang") throw new Error("on purpose");
        return agent.startsWith("curl");
      };
      const { shop, client, heard } = await withBots({ bots });
      for (const agent of ["curl/8", googlebot, "bang"]) {
        expect((await shop.browser({ "user-agent": agent }).page("/seen")).status).toBe(200);
      }
      expect([(await heard()).length, client.stats().leftOut]).toEqual([2, { bot: 1 }]);
    });
  });

  it("identity says false: the request does not count; cookies stay as they are, no command, no alias", async () => {
    const shop = await open();
    const staff = { "x-user": "false" };
    const { browser, a } = await shop.visitor("/seen");
    for (const jar of [browser, shop.browser()]) {
      expect((await jar.page("/seen", staff)).cookies).toEqual([]);
      expect((await jar.page("/silent", staff)).cookies).toEqual([]);
      expect((await jar.form("/login", { name: "bob" }, staff)).ours).toEqual([]);
    }
    expect([await shop.heard(), shop.rec.client.stats().leftOut]).toEqual([[], { uncounted: 6 }]);
    await browser.page("/seen", { "x-user": "bob" });
    expect(browser.anonymous).toBe(a);
    expect(await shop.heard()).toEqual([`${a} = bob`, "bob: Seen"]);
  });
}
