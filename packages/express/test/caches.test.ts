import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ExpressRequest, km } from "../src/index.ts";
import { type Answer, type Browser, claimOf, type Express, open, type Shop, versions } from "./shop.ts";

type Headers = Record<string, string | string[]>;

/** Answers that a shared cache may hand to others without asking. */
const fresh: Headers[] = [
  { "cache-control": "public, max-age=60" },
  { "cache-control": "max-age=60" },
  { "cache-control": "Public, MAX-AGE=60" },
  { "cache-control": 'max-age="60"' },
  { "cache-control": ["public", "max-age=60"] },
  { "cache-control": "max-age=0, s-maxage=60" },
  { "cache-control": "max-age=60, must-revalidate", vary: "Cookie" },
  { "cache-control": 'max-age=60, no-cache="set-cookie"' },
  { "cache-control": 'private="x-user", max-age=60' },
  { "cache-control": "max-age=0, max-age=60" },
  { "cache-control": "max-age=soon" },
  { "cache-control": "immutable" },
  { expires: new Date(Date.now() + 60_000).toUTCString() },
  { "cache-control": "private, no-store", "cdn-cache-control": "max-age=60" },
  { "cache-control": "no-cache", "surrogate-control": "max-age=60" },
  { "cloudflare-cdn-cache-control": "max-age=60" },
];
/** Answers that it may keep, but must ask about: what it becomes where our cookie is on it. */
const stored: [Headers, string][] = [
  [{}, "private"],
  [{ "cache-control": "no-cache" }, "private, no-cache"],
  [{ "cache-control": "public, max-age=0" }, "private, max-age=0"],
  [{ "cache-control": "public" }, "private"],
  [{ "cache-control": "s-maxage=0, max-age=60" }, "private, s-maxage=0, max-age=60"],
  [{ expires: "0" }, "private"],
  [{ expires: new Date(0).toUTCString() }, "private"],
];
/** Answers that it leaves alone. */
const kept: Headers[] = [
  { "cache-control": "private" },
  { "cache-control": "private, max-age=60" },
  { "cache-control": "no-store" },
  { "cache-control": "no-store, max-age=60" },
  { "cache-control": "private", expires: new Date(Date.now() + 60_000).toUTCString() },
];
const all = [...fresh, ...stored.map(([headers]) => headers), ...kept];
const pathOf = (headers: Headers, act = "") => `/at/${all.indexOf(headers)}${act}`;

/** A shop whose answers carry these headers: set before the command, or with `raw` by `writeHead` behind it. */
const shopOf = (express: Express): Promise<Shop> =>
  open(express, (app, rec) => {
    const identity = (req: ExpressRequest) => (req.headers["x-user"] === "null" ? null : (req.headers["x-user"] as string | undefined));
    app.use(km({ client: rec.client, identity }));
    app.all(["/at/:index", "/at/:index/:act"], (req, res) => {
      const headers = all[Number(req.params.index)] ?? {};
      const { act } = req.params;
      if (act !== "raw") for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
      if (act === "alias") req.km.alias("bob");
      else if (act !== "silent") req.km.record("Seen");
      if (act === "raw") res.writeHead(200, headers as Record<string, string>).end("page");
      else res.send("page");
    });
  });

/** A shared cache in front of a shop, keyed by path (RFC 9111 in short): says whether an answer came out of it. */
class SharedCache {
  private readonly held = new Map<string, { answer: Answer; until: number }>();

  async page(browser: Browser, path: string): Promise<Answer & { hit: boolean }> {
    const held = this.held.get(path);
    if (held !== undefined && held.until > Date.now()) return { ...browser.take(held.answer), hit: true };
    const etag = held?.answer.headers.etag;
    const answer = await browser.ask(path, { headers: etag === undefined ? {} : { "if-none-match": etag } });
    const whole =
      answer.status === 304 && held !== undefined ? { ...held.answer, cookies: [...held.answer.cookies, ...answer.cookies] } : answer;
    this.keep(path, { ...whole, headers: { ...whole.headers, ...answer.headers } });
    return { ...browser.take(whole), hit: answer.status === 304 };
  }

  private keep(path: string, answer: Answer): void {
    const [own, targeted] = [answer.headers["cache-control"], answer.headers["cdn-cache-control"] ?? answer.headers["surrogate-control"]];
    const told = String(targeted ?? answer.headers["cloudflare-cdn-cache-control"] ?? own ?? "").toLowerCase();
    if (/\b(private(?!=)|no-store)\b/.test(told)) return void this.held.delete(path);
    const seconds = /s-maxage="?(\d+)/.exec(told)?.[1] ?? /max-age="?(\d+)(?!.*max-age)/.exec(told)?.[1];
    const expires = Date.parse(String(answer.headers.expires));
    const until =
      seconds !== undefined ? Date.now() + Number(seconds) * 1000 : told === "immutable" ? Number.POSITIVE_INFINITY : expires || 0;
    this.held.set(path, { answer, until });
  }

  /** The cookies of ours that it holds, and would hand to anybody. */
  get cookies(): string[] {
    return [...this.held.values()].flatMap(({ answer }) => answer.ours);
  }
}

describe.each(versions)("shared caches on %s", (_, express) => {
  describe.each(["", "/raw"])("headers set %s", (act) => {
    it.each(fresh)("%j: no cookie, and the headers stay", async (headers) => {
      const shop = await shopOf(express);
      const answer = await shop.browser().page(pathOf(headers, act));
      expect(answer.ours).toEqual([]);
      expect(answer.headers["cache-control"]).toBe([headers["cache-control"] ?? []].flat().join(", ") || undefined);
      expect((await shop.browser().call(pathOf(headers, act), {}, "HEAD")).ours).toEqual([]);
    });

    it.each(stored)("%j with our cookie becomes %s; without it, it stays", async (headers, becomes) => {
      const shop = await shopOf(express);
      const browser = shop.browser();
      const first = await browser.page(pathOf(headers, act));
      expect([first.ours.length, first.headers["cache-control"]]).toEqual([2, becomes]);
      const second = await browser.page(pathOf(headers, act));
      expect([second.ours.length, second.headers["cache-control"]]).toEqual([0, headers["cache-control"]]);
    });

    it.each(kept)("%j carries our cookie and stays", async (headers) => {
      const shop = await shopOf(express);
      const answer = await shop.browser().page(pathOf(headers, act));
      expect([answer.ours.length, answer.headers["cache-control"]]).toEqual([2, headers["cache-control"]]);
    });
  });

  it.each(["POST", "PUT", "DELETE"])("%s always may", async (method) => {
    const shop = await shopOf(express);
    for (const headers of fresh) expect((await shop.browser().call(pathOf(headers), {}, method)).ours).toHaveLength(2);
    expect(await shop.heard()).toHaveLength(fresh.length);
  });

  it("behind a cache, twenty visitors of every page stay twenty, and the cache never holds a cookie of ours", async () => {
    const shop = await shopOf(express);
    const cache = new SharedCache();
    const browsers = Array.from({ length: 20 }, () => shop.browser());
    let hits = 0;
    for (const headers of all) {
      for (const browser of browsers) if ((await cache.page(browser, pathOf(headers, "/silent"))).hit) hits += 1;
      expect(cache.cookies).toEqual([]);
    }
    expect(hits).toBeGreaterThan(fresh.length * 15);
    expect(new Set(browsers.map((browser) => browser.anonymous)).size).toBe(20);
  });

  it("a page without caching headers first: later ones come out of the cache, the first visitor's cookie does not", async () => {
    const shop = await shopOf(express);
    const cache = new SharedCache();
    const [x, y] = [shop.browser(), shop.browser()];
    const path = pathOf(stored[0]?.[0] as Headers);
    await cache.page(x, path);
    await cache.page(x, path);
    await cache.page(x, path);
    expect((await cache.page(y, path)).cookies).toHaveLength(2);
    expect(x.anonymous).not.toBe(y.anonymous);
    expect(cache.cookies).toEqual([]);
  });

  describe("commands on an answer that a cache may hand on", () => {
    const path = pathOf(fresh[0] as Headers);
    const refused = (shop: Shop) => shop.rec.client.stats().refused;

    it("of a new anonymous visitor are refused with a code, and counted", async () => {
      const shop = await shopOf(express);
      await shop.browser().page(path);
      expect(await shop.heard()).toEqual([]);
      expect(refused(shop)).toEqual({ KM_RESPONSE_CACHEABLE: 1 });
      expect(shop.rec.errors.map(({ code, detail }) => [code, detail])).toEqual([["KM_RESPONSE_CACHEABLE", `GET ${path}`]]);
    });

    it("of one who has a cookie already stand", async () => {
      const shop = await shopOf(express);
      const browser = shop.browser();
      await browser.page(pathOf({}, "/silent"));
      expect((await browser.page(path)).cookies).toEqual([]);
      expect(await shop.heard()).toEqual([`${browser.anonymous}: Seen`]);
    });

    it("of a named visitor stand; the alias waits for the next answer that can carry the cookies", async () => {
      const shop = await shopOf(express);
      const browser = shop.browser();
      await browser.page(pathOf({}, "/silent"));
      const a = browser.anonymous;
      const bob = { "x-user": "bob" };
      expect((await browser.page(path, bob)).cookies).toEqual([]);
      expect(await shop.heard()).toEqual(["bob: Seen"]);
      expect(browser.claim).toBe("-");
      await browser.page(pathOf({}, "/silent"), bob);
      expect(browser.claim).toBe(claimOf(a, "bob"));
      expect(await shop.heard()).toEqual(["bob: Seen", `${a} = bob`]);
    });

    it("of a new named visitor stand under the name, without an alias to an identity that nobody holds", async () => {
      const shop = await shopOf(express);
      await shop.browser().page(path, { "x-user": "bob" });
      expect(await shop.heard()).toEqual(["bob: Seen"]);
      expect(shop.codes).toEqual([]);
    });

    it("after a log out are refused, since the fresh identity could not be carried; the next page carries one", async () => {
      const shop = await shopOf(express);
      const browser = shop.browser();
      await browser.page(pathOf({}, "/silent"), { "x-user": "bob" });
      const a = browser.anonymous;
      expect((await browser.page(path, { "x-user": "null" })).cookies).toEqual([]);
      expect(await shop.heard()).toEqual([`${a} = bob`]);
      expect(refused(shop)).toEqual({ KM_RESPONSE_CACHEABLE: 1 });
      await browser.page(pathOf({}), { "x-user": "null" });
      expect(browser.anonymous).not.toBe(a);
      expect(await shop.heard()).toEqual([`${a} = bob`, `${browser.anonymous}: Seen`]);
    });

    it("an alias that was asked for is refused with a code", async () => {
      const shop = await shopOf(express);
      await shop.browser().page(`${path}/alias`);
      expect(await shop.heard()).toEqual([]);
      expect(refused(shop)).toEqual({ KM_RESPONSE_CACHEABLE: 1 });
    });
  });

  describe("express.static with a lifetime", () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "kmkit-cached-"));
      writeFileSync(join(folder, "index.html"), "<p>hello");
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    it("carries no cookie; the next page does", async () => {
      const shop = await open(express, (app, rec) => {
        app.use(km(rec.client), express.static(folder, { maxAge: "1h" }));
        app.get("/live", (_req, res) => void res.send("live"));
      });
      const browser = shop.browser();
      const first = await browser.page("/");
      expect([first.status, first.headers["cache-control"], first.ours]).toEqual([200, "public, max-age=3600", []]);
      expect((await browser.page("/live")).ours).toHaveLength(2);
    });
  });
});
