import { expect } from "vitest";
import { SharedCache } from "./cache.ts";
import type { Route, Turn } from "./mount.ts";
import { claimOf } from "./people.ts";
import { byHeader, get, openShop, type Shop, takeOver } from "./shop.ts";
import type { Suite } from "./suite.ts";

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
  { expires: new Date(Date.now() + 600_000).toUTCString() },
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
  { "cache-control": "private", expires: new Date(Date.now() + 600_000).toUTCString() },
];
const all = [...fresh, ...stored.map(([headers]) => headers), ...kept];
/** Whose headers are set: after the command by the framework, before it, or by writeHead; with no command; with an alias asked for. */
const acts = ["", "/early", "/raw", "/silent", "/alias"] as const;
const pathOf = (headers: Headers, act: (typeof acts)[number] = "") => `/at/${all.indexOf(headers)}${act}`;

function answer(turn: Turn, headers: Headers, act: string): void {
  const set = () => {
    for (const [name, value] of Object.entries(headers)) turn.setHeader(name, value);
    turn.setHeader("etag", '"1"');
  };
  if (act === "/early") set();
  if (act === "/alias") turn.km.alias("bob");
  else if (act !== "/silent") turn.km.record("Seen");
  if (act === "/raw") return void takeOver(turn).writeHead(200, headers).end("page");
  if (act !== "/early") set();
  if (turn.header("if-none-match") === '"1"') turn.send("", 304);
  else turn.send("page");
}

/** A shared cache in front: no cookie of ours on what it may hand on, and `private` where we did set one. */
export function caches(suite: Suite): void {
  const { it, mount } = suite;
  const routes: Route[] = all.flatMap((headers) => acts.map((act) => get(pathOf(headers, act), (turn) => answer(turn, headers, act))));
  for (const method of ["POST", "PUT", "DELETE"] as const) {
    for (const headers of fresh) routes.push({ method, path: pathOf(headers), handle: (turn) => answer(turn, headers, "") });
  }
  const open = (): Promise<Shop> => openShop(mount, { options: { identity: byHeader(mount) }, routes });

  suite.describe("shared caches", () => {
    for (const [how, act] of [
      ["after the command", ""],
      ["before the command", "/early"],
      ["by writeHead", "/raw"],
    ] as const) {
      it(`an answer that may be fresh carries no cookie, and its headers stay; they are set ${how}`, async () => {
        const shop = await open();
        for (const headers of fresh) {
          const got = await shop.browser().page(pathOf(headers, act));
          const own = [headers["cache-control"] ?? []].flat().join(", ") || undefined;
          expect([headers, got.ours, got.headers["cache-control"]]).toEqual([headers, [], own]);
          expect((await shop.browser().call(pathOf(headers, act), {}, "HEAD")).ours).toEqual([]);
        }
      });

      it(`an answer that may be stored becomes private with our cookie, and stays without it; its headers are set ${how}`, async () => {
        const shop = await open();
        for (const [headers, becomes] of stored) {
          const browser = shop.browser();
          const first = await browser.page(pathOf(headers, act));
          expect([headers, first.ours.length, first.headers["cache-control"]]).toEqual([headers, 2, becomes]);
          const second = await browser.page(pathOf(headers, act));
          expect([second.ours.length, second.headers["cache-control"]]).toEqual([0, headers["cache-control"]]);
        }
      });

      it(`an answer that is kept from caches carries our cookie and stays; its headers are set ${how}`, async () => {
        const shop = await open();
        for (const headers of kept) {
          const got = await shop.browser().page(pathOf(headers, act));
          expect([got.ours.length, got.headers["cache-control"]]).toEqual([2, headers["cache-control"]]);
        }
      });
    }

    it("other methods than GET and HEAD always may carry it", async () => {
      const shop = await open();
      for (const method of ["POST", "PUT", "DELETE"]) {
        for (const headers of fresh) expect((await shop.browser().call(pathOf(headers), {}, method)).ours).toHaveLength(2);
      }
      expect(await shop.heard()).toHaveLength(3 * fresh.length);
    });

    it("behind a cache, twenty visitors of every page stay twenty, and the cache never holds a cookie of ours", async () => {
      const shop = await open();
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

    it("where the cache asks and gets a 304, later visitors get the page out of it, and cookies of their own", async () => {
      const shop = await open();
      const cache = new SharedCache();
      const [x, y] = [shop.browser(), shop.browser()];
      const path = pathOf(stored[0]?.[0] as Headers);
      for (let view = 0; view < 3; view += 1) await cache.page(x, path);
      expect((await cache.page(y, path)).cookies).toHaveLength(2);
      expect(x.anonymous).not.toBe(y.anonymous);
      expect(cache.cookies).toEqual([]);
    });
  });

  suite.describe("commands on an answer that a cache may hand on", () => {
    const headers = fresh[0] as Headers;
    const path = pathOf(headers);
    const plain = pathOf(stored[0]?.[0] as Headers, "/silent");
    const refused = (shop: Shop) => shop.rec.client.stats().refused;

    it("of a new anonymous visitor are refused with a code, and counted", async () => {
      const shop = await open();
      await shop.browser().page(path);
      expect([await shop.heard(), refused(shop)]).toEqual([[], { KM_RESPONSE_CACHEABLE: 1 }]);
      expect(shop.rec.errors.map(({ code, detail }) => [code, detail])).toEqual([["KM_RESPONSE_CACHEABLE", `GET ${path}`]]);
    });

    it("of one who has a cookie already stand", async () => {
      const shop = await open();
      const { browser, a } = await shop.visitor(plain);
      expect((await browser.page(path)).cookies).toEqual([]);
      expect(await shop.heard()).toEqual([`${a}: Seen`]);
    });

    it("of a named visitor stand; the alias waits for the next answer that can carry the cookies", async () => {
      const shop = await open();
      const { browser, a } = await shop.visitor(plain);
      const bob = { "x-user": "bob" };
      expect((await browser.page(path, bob)).cookies).toEqual([]);
      expect([await shop.heard(), browser.claim]).toEqual([["bob: Seen"], "-"]);
      await browser.page(plain, bob);
      expect([browser.claim, await shop.heard()]).toEqual([claimOf(a, "bob"), ["bob: Seen", `${a} = bob`]]);
    });

    it("of a new named visitor stand under the name, without an alias to an identity that nobody holds", async () => {
      const shop = await open();
      await shop.browser().page(path, { "x-user": "bob" });
      expect([await shop.heard(), shop.codes]).toEqual([["bob: Seen"], []]);
    });

    it("after a log out are refused, since the fresh identity could not be carried; the next page carries one", async () => {
      const shop = await open();
      const { browser, a } = await shop.visitor(plain, { "x-user": "bob" });
      expect((await browser.page(path, { "x-user": "null" })).cookies).toEqual([]);
      expect([await shop.heard(), refused(shop)]).toEqual([[], { KM_RESPONSE_CACHEABLE: 1 }]);
      await browser.page(plain.replace("/silent", ""), { "x-user": "null" });
      expect(browser.anonymous).not.toBe(a);
      expect(await shop.heard()).toEqual([`${browser.anonymous}: Seen`]);
    });

    it("an alias that was asked for is refused with a code", async () => {
      const shop = await open();
      await shop.browser().page(`${path}/alias`);
      expect([await shop.heard(), refused(shop)]).toEqual([[], { KM_RESPONSE_CACHEABLE: 1 }]);
    });
  });
}
