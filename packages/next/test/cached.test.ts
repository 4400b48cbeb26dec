import { join } from "node:path";
import { claimOf } from "@kmkit/testkit";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { quiet } from "./launch.ts";
import { identities, navigate, type Served, seen, serve } from "./served.ts";

/** Next 16 with Cache Components: `"use cache"` and partial prerendering. */
let served: Served;
beforeAll(async () => {
  served = await serve({ name: "Next 16, Cache Components", folder: join(import.meta.dirname, "ppr"), dist: ".next" });
});
afterAll(() => served.stop());
beforeEach(async () => {
  await quiet(served);
  served.receiver.clear();
});

/** What Next writes about `/api/wrong`. */
const refused = /^ *⨯ Error: Route "\/api\/wrong": `headers\(\)` can't be read inside `"use cache"`[\s\S]*?^\}\n?/gm;
const made = (text: string) => /id="made">(\d+)/.exec(text)?.[1];

it("a page of a static shell, a cached part and a visitor's part: each sees themselves alone, and counts once", async () => {
  const visitors = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const browser = served.browser();
      return { browser, first: await browser.page("/"), second: await browser.page("/") };
    }),
  );
  for (const { browser, first, second } of visitors) {
    expect([first.ours.length, first.headers["cache-control"]]).toEqual([2, "private, no-store"]);
    expect([second.cookies, second.headers["cache-control"]]).toEqual([[], expect.stringContaining("private")]);
    for (const page of [first, second]) {
      expect([seen(page), new Set(page.text.match(identities))]).toEqual([browser.anonymous, new Set([browser.anonymous])]);
      expect(page.text).toContain("<h1>shell</h1>");
    }
  }
  expect(new Set(visitors.map(({ browser }) => browser.anonymous)).size).toBe(20);
  expect(new Set(visitors.flatMap(({ first, second }) => [made(first.text), made(second.text)])).size).toBe(1);
  expect((await served.heard()).sort()).toEqual(
    visitors.flatMap(({ browser }) => Array(2).fill(`${browser.anonymous}: Viewed Shell`)).sort(),
  );
});

it("the shell, which is sent before the visitor's part, has nobody in it", async () => {
  const browser = served.browser();
  const begun = await browser.ask("/", { leave: true });
  expect(begun.text).toContain("<h1>shell</h1>");
  expect(begun.text.match(identities)).toBeNull();
  expect(begun.ours).toHaveLength(2);
});

it("a name's claim goes with the shell, and the alias when the page has come", async () => {
  const browser = served.browser();
  await browser.page("/cached");
  browser.put("user", "bob");
  const page = await browser.page("/");
  expect([seen(page), page.text.match(identities), browser.claim]).toEqual(["bob", null, claimOf(browser.anonymous, "bob")]);
  expect(await served.heard()).toEqual([`${browser.anonymous} = bob`, "bob: Viewed Shell"]);
});

it("a page that is cached as a whole: the first visit gets the cookie, the second is shareable, nobody is in it", async () => {
  const browser = served.browser();
  const first = await browser.page("/cached");
  expect([first.ours.length, first.headers["cache-control"]]).toEqual([2, "private, no-store"]);
  const second = await browser.page("/cached");
  expect(second.cookies).toEqual([]);
  expect(second.headers["cache-control"]).toMatch(/^s-maxage=/);
  for (const { text } of [first, second]) expect(text.match(identities)).toBeNull();
  expect(await served.heard()).toEqual([]);
});

it("a handler that does not look at `request.km` was made at build time, one that looks is called", async () => {
  const browser = served.browser();
  const still = await browser.call("/api/still");
  expect([still.headers["x-nextjs-cache"], JSON.parse(still.text), still.cookies]).toEqual(["HIT", { at: "build" }, []]);
  const record = await browser.call("/api/record");
  expect(JSON.parse(record.text)).toEqual({ identity: browser.anonymous });
  expect(await served.heard()).toEqual([`${browser.anonymous}: Got`]);
});

it("km() in what is cached is refused by Next, and nothing is recorded", async () => {
  for (let call = 0; call < 2; call += 1) {
    const answer = await served.browser().call("/api/wrong", {}, "POST");
    expect(JSON.parse(answer.text)).toEqual({ thrown: expect.stringContaining("Error") });
  }
  expect(await served.heard()).toEqual([]);
  expect(served.said()).toMatch(refused);
});

it("prefetches of segments and of whole pages, and client-side navigations, mint and record nothing", async () => {
  const browser = served.browser();
  await browser.page("/cached");
  const kinds = [
    { "next-router-prefetch": "1", "next-router-segment-prefetch": "/_tree" },
    { "next-router-prefetch": "1", "next-router-segment-prefetch": "/_full" },
    { "next-router-prefetch": "2" },
    {},
  ];
  for (const headers of kinds) {
    for (const visitor of [browser, served.browser()]) {
      const answer = await navigate(visitor, "/", headers);
      expect([headers, answer.status, answer.ours]).toEqual([headers, 200, []]);
    }
  }
  expect(await served.heard()).toEqual([]);
  expect((await quiet(served)).leftOut.rendering).toBeGreaterThan(0);
});

it("and the server has said nothing but Next's own words", () => {
  expect(served.said().replaceAll(refused, "")).toBe("");
});
