import type { Command } from "@kmkit/core";
import { createKm } from "@kmkit/node";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Client, type ExpressRequest, type KmOptions, km } from "../src/index.ts";
import { type Express, open, type Shop, told, versions } from "./shop.ts";

const A = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f85c4";

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
let unique = 0;

describe.each(versions)("who counts on %s", (_, express) => {
  describe("who is left out", () => {
    const prefetches: Record<string, string>[] = [
      { "sec-purpose": "prefetch" },
      { "sec-purpose": "prefetch;prerender" },
      { "sec-purpose": "prefetch;anonymous-client-ip" },
      { purpose: "prefetch" },
      { purpose: "Prefetch" },
      { "x-moz": "prefetch" },
      { "next-router-prefetch": "1" },
    ];
    it.each(prefetches)("O5: %j mints nothing and records nothing; the real GET does, once", async (headers) => {
      const shop = await shopOf(express, {});
      const browser = shop.browser();
      expect((await browser.page("/", headers)).cookies).toEqual([]);
      expect((await browser.page("/", { ...headers, "x-login": "bob" })).cookies).toEqual([]);
      expect(await shop.heard()).toEqual([]);
      expect(shop.rec.client.stats().leftOut).toEqual({ prefetch: 2 });
      expect((await browser.page("/")).ours).toHaveLength(2);
      expect(await shop.heard()).toEqual(both(browser.anonymous));
    });

    it("prefetch: true counts them", async () => {
      const shop = await shopOf(express, { prefetch: true });
      expect((await shop.browser().page("/", { "sec-purpose": "prefetch" })).ours).toHaveLength(2);
      expect(await shop.heard()).toHaveLength(2);
    });

    it.each([
      ["gpc", { "sec-gpc": "1" }, {}],
      ["dnt", { dnt: "1" }, { dnt: true }],
    ] as const)("%s: an anonymous visitor leaves no trace, a named one counts without cookies", async (reason, headers, options) => {
      const shop = await shopOf(express, { ...options, identity: user });
      const browser = shop.browser(headers);
      expect((await browser.page("/")).cookies).toEqual([]);
      expect(await shop.heard()).toEqual([]);
      expect(shop.rec.client.stats().leftOut).toEqual({ [reason]: 1 });
      expect((await browser.page("/", { "x-user": "bob" })).cookies).toEqual([]);
      expect(await shop.heard()).toEqual(both("bob"));
    });

    it.each([
      ["gpc: false", { "sec-gpc": "1" }, { gpc: false }],
      ["dnt by default", { dnt: "1" }, {}],
      ["Sec-GPC: 0", { "sec-gpc": "0" }, {}],
    ] as const)("%s leaves nobody out", async (_name, headers, options) => {
      const shop = await shopOf(express, options);
      expect((await shop.browser(headers).page("/")).ours).toHaveLength(2);
      expect(await shop.heard()).toHaveLength(2);
    });
  });

  describe("consent", () => {
    const answers: Record<string, boolean | undefined> = { yes: true, no: false };
    const consenting = (more: KmOptions<ExpressRequest> = {}) =>
      shopOf(express, { ...more, identity: user, consent: (req) => answers[String(req.headers["x-consent"])] });
    const yes = { "x-consent": "yes" };
    const no = { "x-consent": "no" };

    it("not asked yet: no cookie and no anonymous command; a named visitor's commands stand, without a cookie", async () => {
      const shop = await consenting();
      const browser = shop.browser();
      expect((await browser.page("/")).cookies).toEqual([]);
      expect(shop.rec.client.stats().leftOut).toEqual({ consent: 1 });
      expect((await browser.page("/", { "x-user": "bob" })).cookies).toEqual([]);
      expect(await shop.heard()).toEqual(both("bob"));
    });

    it("refused: nothing of anybody's, and both cookies are expired, once", async () => {
      const shop = await consenting();
      const browser = shop.browser();
      await browser.page("/silent", yes);
      expect(browser.jar.size).toBe(2);
      for (const line of (await browser.page("/", { ...no, "x-user": "bob" })).cookies) expect(line).toMatch(/^km_\w+=;.*Max-Age=0/);
      expect(browser.jar.size).toBe(0);
      expect((await browser.page("/", no)).cookies).toEqual([]);
      expect(await shop.heard()).toEqual([]);
      expect(shop.rec.client.stats().leftOut).toEqual({ consent: 2 });
    });

    it("given: as without the option; asked anew it goes on with the same identity", async () => {
      const shop = await consenting();
      const browser = shop.browser();
      await browser.page("/", yes);
      const a = browser.anonymous;
      expect((await browser.page("/")).cookies).toEqual([]);
      await browser.page("/", { ...yes, "x-user": "bob" });
      expect(await shop.heard()).toEqual([...both(a), `${a} = bob`, ...both("bob")]);
    });

    it("refused under a shared domain: all of them expire", async () => {
      const shop = await consenting({ cookie: { domain: ".shop.example" } });
      const browser = shop.browser({ host: "www.shop.example" });
      await browser.page("/silent", yes);
      expect(browser.jar.size).toBe(2);
      await browser.page("/", no);
      expect(browser.jar.size).toBe(0);
    });

    it.each([true, false])("a promise (of %s) is no answer: it counts as not asked, also if it fails", async (word) => {
      for (const consent of [() => Promise.resolve(word), () => Promise.reject(new Error("on purpose"))]) {
        const shop = await shopOf(express, { consent: consent as unknown as () => boolean });
        expect((await shop.browser().page("/")).cookies).toEqual([]);
        expect(await shop.heard()).toEqual([]);
      }
    });

    it("what throws counts as not asked", async () => {
      const shop = await shopOf(express, {
        consent: () => {
          throw new Error("on purpose");
        },
      });
      expect((await shop.browser().page("/")).status).toBe(200);
      expect(await shop.heard()).toEqual([]);
      expect(shop.codes).toEqual(["KM_IDENTITY_FAILED", "KM_LEFT_OUT"]);
    });
  });

  describe("O8: programs", () => {
    const withBots = async (options: KmOptions<ExpressRequest> = {}): Promise<{ shop: Shop; client: Client; got: Command[] }> => {
      const got: Command[] = [];
      unique += 1;
      const transport = async (batch: Iterable<Command>) => {
        got.push(...batch);
        return { type: "accepted" as const };
      };
      const client = createKm({ url: `http://127.0.0.1:1/${unique}`, key: `key${unique}`, outbox: false, transport, onError: () => {} });
      onTestFinished(() => void client.close());
      return { shop: await shopOf(express, { identity: user, ...options, client }), client, got };
    };
    const googlebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

    it.each([googlebot, "bingbot/2.0", "facebookexternalhit/1.1", "GPTBot/1.2"])("%s: no cookie, no command, counted", async (agent) => {
      const { shop, client, got } = await withBots();
      const browser = shop.browser({ "user-agent": agent });
      expect((await browser.page("/")).cookies).toEqual([]);
      expect((await browser.page("/silent")).cookies).toEqual([]);
      await shop.quiet();
      await client.flush();
      expect(got).toEqual([]);
      expect(client.stats().leftOut).toEqual({ bot: 2 });
    });

    it.each([
      "curl/8.5.0",
      "axios/1.7.2",
      "okhttp/4.9.0",
      "node",
      "python-httpx/0.27",
      "Mozilla/5.0 HeadlessChrome/120.0.0.0",
      "",
      "Stripe/1.0",
    ])("%s is a visitor", async (agent) => {
      const { shop, client, got } = await withBots();
      const browser = shop.browser({ "user-agent": agent });
      await browser.page("/");
      await shop.quiet();
      await client.flush();
      expect(told(got)).toEqual(both(browser.anonymous));
      expect(client.stats().leftOut).toEqual({});
    });

    it("a crawler's name with a valid cookie or a login is a visitor", async () => {
      const { shop, client, got } = await withBots();
      const browser = shop.browser({ "user-agent": googlebot });
      browser.put("km_ai", A);
      browser.put("km_claim", `${A.slice(-8)}.-.1`);
      await browser.call("/");
      await shop.browser({ "user-agent": googlebot }).call("/", { "x-user": "bob" });
      await shop.quiet();
      await client.flush();
      expect(told(got)).toEqual([...both(A), ...both("bob")]);
    });

    it("bots replaces the list, and may throw", async () => {
      const bots = (agent: string) => {
        if (agent === "bang") throw new Error("on purpose");
        return agent.startsWith("curl");
      };
      const { shop, client, got } = await withBots({ bots });
      for (const agent of ["curl/8", googlebot, "bang"]) await shop.browser({ "user-agent": agent }).page("/");
      await shop.quiet();
      await client.flush();
      expect(client.stats().leftOut).toEqual({ bot: 1 });
      expect(got).toHaveLength(4);
    });
  });
});
