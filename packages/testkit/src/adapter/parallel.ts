import { setImmediate as turns } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, expect, vi } from "vitest";
import { type Answer, ask, type Browser, formOf, kinds } from "./browser.ts";
import type { Mount, Turn } from "./mount.ts";
import { claimOf, orders, people } from "./people.ts";
import { byHeader, get, openShop, post, type Shop } from "./shop.ts";
import type { Suite } from "./suite.ts";

/** Log ins of an app that keeps them itself: a cookie with a number, and on the server the name of whose it is. */
class Logins {
  private readonly names = new Map<string, string>();
  private count = 0;

  identity(mount: Mount): (native: unknown) => string | undefined {
    return (native) => this.names.get(/\bsid=(\d+)/.exec(mount.header(native as object, "cookie") ?? "")?.[1] ?? "");
  }

  enter(turn: Turn, name: string): void {
    this.count += 1;
    this.names.set(String(this.count), name);
    turn.cookie("sid", String(this.count));
    turn.km.identify(name);
  }

  leave(turn: Turn): void {
    this.names.delete(/\bsid=(\d+)/.exec(turn.header("cookie") ?? "")?.[1] ?? "");
    turn.km.identify(null);
  }
}

function open(mount: Mount): Promise<Shop> {
  const logins = new Logins();
  const view = get("/", (turn) => {
    turn.km.record("Viewed");
    turn.send(turn.km.identity);
  });
  const cached = get("/cached", (turn) => {
    turn.km.record("Viewed Cached");
    turn.setHeader("cache-control", "public, max-age=60");
    turn.send("cached");
  });
  const torn = get("/torn", (turn) => {
    turn.km.record("Viewed Half");
    turn.stream().write("half");
  });
  const login = post("/login", async (turn) => {
    logins.enter(turn, (await turn.form()).name ?? "");
    turn.km.record("Logged In");
    turn.send(turn.km.identity);
  });
  const logout = post("/logout", (turn) => {
    logins.leave(turn);
    turn.send("bye");
  });
  return openShop(mount, { options: { identity: logins.identity(mount) }, routes: [view, cached, torn, login, logout] });
}

const login = (browser: Browser, name: string) => browser.form("/login", { name });
const tied = (shop: Shop) => people(shop.rec.commands).some((one) => ["bob", "bill"].every((name) => one.includes(name)));

type Step = (browser: Browser, held: Answer[]) => unknown;
/** What may happen on a browser that two people use. */
const steps: Record<string, Step> = {
  view: (browser) => browser.page("/"),
  call: (browser) => browser.call("/"),
  cached: (browser) => browser.page("/cached"),
  torn: (browser) => browser.ask("/torn", { leave: true }),
  half: async (browser) => browser.take(await browser.ask("/torn", { leave: true })),
  hold: async (browser, held) => {
    const answer = await browser.ask("/");
    // What stays open (architecture.md §5): the session passes on while the first name's very first answer is still on its way.
    if (answer.ours.some((line) => /^km_claim=.{8}\.[0-9a-f]{12}\./.test(line))) browser.take(answer);
    else held.push(answer);
  },
  late: (browser, held) => held.length > 0 && browser.take(held.shift() as Answer),
  bob: (browser) => login(browser, "bob"),
  bill: (browser) => login(browser, "bill"),
  logout: (browser) => browser.form("/logout"),
  expire: (browser) => browser.lose((name) => name === "sid"),
  doubt: (browser) => browser.lose((name) => name === "km_claim"),
  clear: (browser) => browser.jar.clear(),
};

/** Requests side by side, and answers in every order. */
export function parallel(suite: Suite): void {
  const { it, mount } = suite;

  suite.describe("parallel requests", () => {
    afterEach(() => void vi.useRealTimers());

    for (const [which, image, style, page] of [
      ["a browser of today", kinds.image, { accept: "text/css", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "style" }, kinds.page],
      ["a browser without Sec-Fetch headers", { accept: "image/*" }, { accept: "text/css,*/*;q=0.1" }, { accept: "text/html" }],
    ] as const) {
      it(`a page and its twenty cookieless images and styles are one person (${which})`, async () => {
        const shop = await open(mount);
        const plain = (path: string, headers: Record<string, string>) => ask(shop.url + path, { headers });
        const answers = await Promise.all([
          plain("/", page),
          ...Array.from({ length: 10 }, (_x, index) => plain(`/${index}.png`, image)),
          ...Array.from({ length: 10 }, (_x, index) => plain(`/${index}.css`, style)),
        ]);
        expect(answers.map((answer) => answer.ours.length)).toEqual([2, ...Array(20).fill(0)]);
        expect(await shop.heard()).toHaveLength(1);
      });
    }

    it("around a log in, answers taken in every order: one person, one identity", async () => {
      const shop = await open(mount);
      for (const order of orders([0, 1, 2, 3])) {
        const { browser, a } = await shop.visitor("/");
        const bob = formOf({ name: "bob" });
        const asked = await Promise.all([
          browser.ask("/"),
          browser.ask("/login", bob),
          browser.ask("/", {}, "call"),
          browser.ask("/login", bob, "call"),
        ]);
        for (const index of order) browser.take(asked[index] as Answer);
        expect([order, browser.anonymous, browser.claim]).toEqual([order, a, claimOf(a, "bob")]);
        await browser.page("/");
        await shop.quiet();
        expect(people(shop.rec.commands)).toEqual([[a, "bob"].sort()]);
      }
    });

    it("around a log out and the next log in, in every order: two people", async () => {
      const shop = await open(mount);
      for (const order of orders([0, 1, 2])) {
        shop.rec.clear();
        const browser = shop.browser();
        await login(browser, "bob");
        const asked = [await browser.ask("/"), await browser.ask("/logout", { method: "POST" }), await browser.ask("/")];
        for (const index of order) browser.take(asked[index] as Answer);
        await browser.page("/");
        await login(browser, "bill");
        await browser.page("/");
        await shop.quiet();
        expect([order, tied(shop)]).toEqual([order, false]);
        expect(people(shop.rec.commands).filter((one) => one.includes("bill"))).toHaveLength(1);
      }
    });

    it("a renewal that is late by a whole log in and log out does not hand bob's identity to bill", async () => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1, 12) });
      const shop = await open(mount);
      const browser = shop.browser();
      await browser.page("/");
      vi.setSystemTime(Date.UTC(2026, 0, 2, 12));
      const late = await browser.ask("/");
      await login(browser, "bob");
      await browser.form("/logout");
      browser.take(late);
      await login(browser, "bill");
      await shop.quiet();
      expect(tied(shop)).toBe(false);
    });

    it("whatever two people do on one browser, with late answers, they are never tied", async () => {
      const shop = await open(mount);
      const history = fc.array(fc.constantFrom(...Object.keys(steps)), { minLength: 4, maxLength: 14 });
      const property = fc.asyncProperty(history, async (names) => {
        shop.rec.clear();
        const browser = shop.browser();
        const held: Answer[] = [];
        for (const name of names) await steps[name]?.(browser, held);
        await shop.quiet();
        expect(tied(shop)).toBe(false);
      });
      await fc.assert(property, { numRuns: 150 });
    });
  });

  it("three hundred visitors at once, with awaits between: no command stands on another's person", async () => {
    const act = async (turn: Turn) => {
      const who = turn.header("x-who") ?? "";
      for (let count = 0; count < 4; count += 1) {
        for (let rest = Math.random() * 5; rest > 0; rest -= 1) await turns();
        if (count === 2 && turn.header("x-login") !== undefined) turn.km.identify(who);
        turn.km.record("Did", { who });
      }
      turn.send("done");
    };
    const shop = await openShop(mount, { options: { identity: byHeader(mount) }, routes: [get("/do", act), post("/do", act)] });
    const visitors = Array.from({ length: 300 }, (_x, index) => ({ who: `user ${index}`, browser: shop.browser() }));
    await Promise.all(
      visitors.map(async ({ who, browser }) => {
        await browser.page("/do", { "x-who": who });
        await browser.form("/do", {}, { "x-who": who, "x-login": "1" });
        const named = { "x-who": who, "x-user": who };
        await Promise.all([browser.call("/do", named), browser.page("/do", named)]);
      }),
    );
    await shop.quiet();
    const groups = people(shop.rec.commands);
    expect(groups).toHaveLength(300);
    const groupOf = new Map(groups.flatMap((group) => group.map((id) => [id, group])));
    for (const one of shop.rec.commands) if (one.type === "record") expect(groupOf.get(one.identity)).toContain(one.properties.who);
    for (const { who, browser } of visitors) expect(groupOf.get(who)).toEqual([browser.anonymous, who].sort());
    expect(shop.rec.commands).toHaveLength(300 * 17);
  });
}
