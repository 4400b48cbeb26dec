import { expect } from "vitest";
import type { Route, Turn } from "./mount.ts";
import { claimOf, people } from "./people.ts";
import { get, logIn, logOut, openShop, post, type Shop, seen } from "./shop.ts";
import type { Suite } from "./suite.ts";

type Place = "before" | "after";

const say = (turn: Turn) => {
  turn.km.identify("bob");
  turn.km.record("Logged In");
};
/** How login libraries go about it. */
const logins: [string, (turn: Turn) => Promise<void>][] = [
  ["before identify", async (turn) => void [await turn.regenerate(), say(turn), turn.redirect("/seen")]],
  ["after identify", async (turn) => void [say(turn), await turn.regenerate(), turn.redirect("/seen")]],
  ["before and after identify", async (turn) => void [await turn.regenerate(), say(turn), await turn.regenerate(), turn.redirect("/seen")]],
  [
    "after identify, and puts its own name in",
    async (turn) => {
      say(turn);
      await turn.regenerate();
      (turn.session as Record<string, unknown>).user = "bob";
      turn.redirect("/seen");
    },
  ],
];
/** What apps do at a log out. */
const logouts: [string, (turn: Turn) => Promise<void>][] = [
  ["says that nobody is logged in", async (turn) => void [turn.km.identify(null), turn.redirect("/seen")]],
  ["destroys the session and then says it", async (turn) => void [await turn.destroy(), turn.km.identify(null), turn.redirect("/seen")]],
  ["says it and then destroys the session", async (turn) => void [turn.km.identify(null), await turn.destroy(), turn.redirect("/seen")]],
  [
    "says it and then regenerates the session",
    async (turn) => void [turn.km.identify(null), await turn.regenerate(), turn.redirect("/seen")],
  ],
];

/** `identify` and the session of the framework's usual store. */
export function sessions(suite: Suite): void {
  const { it, mount } = suite;
  const open = (sessions: Place, routes: Route[] = [logIn, logOut]): Promise<Shop> =>
    openShop(mount, { sessions, routes: [seen, ...routes] });

  for (const place of ["before", "after"] as const) {
    suite.describe(`with the framework's session, mounted ${place} km()`, () => {
      it("who logged in stays so", async () => {
        const shop = await open(place);
        const { browser, a } = await shop.visitor("/seen");
        await browser.form("/login", { name: "bob" });
        expect((await browser.page("/seen")).text).toBe("bob");
        expect((await browser.call("/seen")).text).toBe("bob");
        expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
        expect([await shop.heard(), shop.codes]).toEqual([[`${a} = bob`, "bob: Logged In", "bob: Seen", "bob: Seen"], []]);
      });

      for (const [how, login] of logins) {
        it(`a log in that regenerates the session ${how} ends with bob, one alias, no other identity`, async () => {
          const shop = await open(place, [post("/login", login)]);
          const { browser, a } = await shop.visitor("/seen");
          await browser.form("/login");
          expect((await browser.page("/seen")).text).toBe("bob");
          expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
          expect([await shop.heard(), shop.codes]).toEqual([[`${a} = bob`, "bob: Logged In", "bob: Seen"], []]);
        });
      }

      it("a log in that regenerates the session before it answers by a stream ends with bob", async () => {
        const login = post("/login", async (turn) => {
          say(turn);
          await turn.regenerate();
          const stream = turn.stream();
          stream.write("a");
          stream.end();
        });
        const shop = await open(place, [login]);
        const { browser, a } = await shop.visitor("/seen");
        await browser.form("/login");
        expect((await browser.page("/seen")).text).toBe("bob");
        expect([browser.anonymous, browser.claim, shop.codes]).toEqual([a, claimOf(a, "bob"), []]);
      });

      for (const [how, logout] of logouts) {
        it(`a log out that ${how} gives a fresh identity at once`, async () => {
          const shop = await open(place, [logIn, post("/logout", logout)]);
          const browser = shop.browser();
          await browser.form("/login", { name: "bob" });
          const a = browser.anonymous;
          await browser.form("/logout");
          const b = browser.anonymous;
          expect([b === a, browser.claim]).toEqual([false, "-"]);
          expect((await browser.page("/seen")).text).toBe(b);
          await browser.form("/login", { name: "bill" });
          expect([browser.anonymous, browser.claim]).toEqual([b, claimOf(b, "bill")]);
          await shop.quiet();
          expect(people(shop.rec.commands)).toEqual([[a, "bob"].sort(), [b, "bill"].sort()]);
          expect(shop.codes).toEqual([]);
        });
      }

      it("a session that expires by itself says nothing: views are still bob's, and bill stays apart", async () => {
        const shop = await open(place);
        const browser = shop.browser();
        await browser.form("/login", { name: "bob" });
        const a = browser.anonymous;
        browser.lose((name) => !name.startsWith("km_"));
        for (let view = 0; view < 3; view += 1) expect((await browser.page("/seen")).text).toBe(a);
        await browser.form("/login", { name: "bill" });
        expect((await browser.page("/seen")).text).toBe("bill");
        await shop.quiet();
        expect(people(shop.rec.commands)).toEqual([[a, "bob"].sort(), [browser.anonymous, "bill"].sort()]);
      });

      it("a session that throws is reported, and nothing is thrown into the app", async () => {
        const fail = () => {
          throw new Error("on purpose");
        };
        const login = post("/login", (turn) => {
          Object.defineProperty(turn.session, "km_identity", { get: fail, set: fail, configurable: true });
          say(turn);
          turn.send("done");
        });
        const shop = await open(place, [login]);
        const { browser, a } = await shop.visitor("/seen");
        expect((await browser.form("/login")).text).toBe("done");
        expect([browser.claim, await shop.heard()]).toEqual([claimOf(a, "bob"), [`${a} = bob`, "bob: Logged In"]]);
        expect(new Set(shop.codes)).toEqual(new Set(["KM_IDENTITY_FAILED"]));
      });
    });
  }

  suite.describe("with the framework's session, people come and go", () => {
    it("two browsers, one bob: one person, exactly two aliases, nothing recorded elsewhere", async () => {
      const shop = await open("before");
      const [x, y] = [shop.browser(), shop.browser()];
      for (const browser of [x, y]) {
        await browser.page("/seen");
        await browser.form("/login", { name: "bob" });
        await browser.page("/seen");
      }
      expect(await shop.aliases()).toEqual([`${x.anonymous} = bob`, `${y.anonymous} = bob`]);
      expect(people(shop.rec.commands)).toEqual([[x.anonymous, y.anonymous, "bob"].sort()]);
    });

    it("two people on one browser stay two, in whatever order they come", async () => {
      const shop = await open("before");
      const browser = shop.browser();
      for (const name of ["bob", "bill", "bob", "bill", "bill", "bob"]) {
        await browser.page("/seen");
        await browser.form("/login", { name });
        await browser.page("/seen");
        await browser.form("/logout");
      }
      for (const name of ["bob", "bill", "bob"]) await browser.form("/login", { name });
      await shop.quiet();
      const groups = people(shop.rec.commands);
      expect(groups.filter((group) => group.includes("bob") && group.includes("bill"))).toEqual([]);
      expect(groups.filter((group) => group.includes("bob") || group.includes("bill"))).toHaveLength(2);
    });

    it("in a sub-app, with km() in the app above it as well", async () => {
      const shop = await openShop(mount, { sessions: "after", prefix: "/shop", twice: true, routes: [seen, logIn] });
      const { browser, a } = await shop.visitor("/shop/seen");
      await browser.form("/shop/login", { name: "bob" });
      expect((await browser.page("/shop/seen")).text).toBe("bob");
      expect(await shop.heard()).toEqual([`${a} = bob`, "bob: Logged In", "bob: Seen"]);
    });

    it("identify of the visitor's own anonymous identity does nothing and burns nothing", async () => {
      const same = get("/same", (turn) => {
        turn.km.identify(turn.km.identity);
        turn.send("same");
      });
      const shop = await open("before", [same, logIn]);
      const { browser, a } = await shop.visitor("/seen");
      await browser.page("/same");
      expect(browser.claim).toBe("-");
      await browser.form("/login", { name: "bob" });
      expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
      expect(await shop.aliases()).toEqual([`${a} = bob`]);
    });
  });

  it("without a session identify lasts for the request, and says so once", async () => {
    const shop = await openShop(mount, { routes: [seen, logIn] });
    const browser = shop.browser();
    await browser.form("/login", { name: "bob" });
    await browser.form("/login", { name: "bob" });
    expect((await browser.page("/seen")).text).toBe(browser.anonymous);
    expect(shop.codes).toEqual(["KM_SESSION_MISSING"]);
  });
}
