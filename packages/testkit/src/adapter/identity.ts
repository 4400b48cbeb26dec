import { isAnonymous, type SessionIdentity } from "@kmkit/core";
import { expect } from "vitest";
import { get, logIn, openShop, post, type Shop, seen } from "./shop.ts";
import type { Suite } from "./suite.ts";

const names: [SessionIdentity, string][] = [
  [42, "42"],
  [9007199254740993n, "9007199254740993"],
  [-7, "-7"],
  ["bob@bob.com", "bob@bob.com"],
  ["  Bob ", "  Bob "],
  ["🐈", "🐈"],
  ["x".repeat(255), "x".repeat(255)],
];
const junk = [
  ...["", "undefined", "null", "NaN", "none", "true", "0", 0, Number.NaN, "guest", "Anonymous", "unknown", " guest "],
  ...["[object Object]", "00000000-0000-0000-0000-000000000000", "-1", "N/A"],
];
const wrong: [string, () => unknown, string][] = [
  ["an object", () => ({ id: 1 }), "KM_IDENTITY_INVALID"],
  ["a list", () => ["bob"], "KM_IDENTITY_INVALID"],
  ["a promise", async () => "bob", "KM_IDENTITY_INVALID"],
  ["a promise that fails", () => Promise.reject(new Error("on purpose")), "KM_IDENTITY_INVALID"],
  ["true", () => true, "KM_IDENTITY_INVALID"],
  ["a symbol", () => Symbol("bob"), "KM_IDENTITY_INVALID"],
  ["a function", () => () => "bob", "KM_IDENTITY_INVALID"],
  ["a lone surrogate", () => "bob\ud800", "KM_IDENTITY_INVALID"],
  ["256 characters", () => "x".repeat(256), "KM_IDENTITY_TOO_LONG"],
  ["1 MB", () => "x".repeat(1 << 20), "KM_IDENTITY_TOO_LONG"],
  [
    "something that throws",
    () => {
      throw new TypeError("user is undefined");
    },
    "KM_IDENTITY_FAILED",
  ],
];

/** What the `identity` option says, and what it says by mistake: nothing is thrown into the app. */
export function identity(suite: Suite): void {
  const { it, mount } = suite;
  const open = (say: () => unknown): Promise<Shop> =>
    openShop(mount, { options: { identity: say as () => SessionIdentity }, routes: [seen] });

  suite.describe("the identity option", () => {
    it("numbers, bigints and every text name the visitor", async () => {
      for (const [value, name] of names) {
        const shop = await open(() => value);
        expect((await shop.browser().call("/seen")).cookies).toEqual([]);
        expect([await shop.heard(), shop.codes]).toEqual([[`${name}: Seen`], []]);
      }
    });

    it("a placeholder counts as not known, with a report", async () => {
      for (const value of junk) {
        const shop = await open(() => value);
        const browser = shop.browser();
        await browser.page("/seen");
        expect([value, browser.claim, shop.codes]).toEqual([value, "-", ["KM_IDENTITY_JUNK"]]);
        expect(await shop.heard()).toEqual([`${browser.anonymous}: Seen`]);
      }
    });

    for (const [what, say, code] of wrong) {
      it(`${what} is reported and counts as not known`, async () => {
        const shop = await open(say);
        const browser = shop.browser();
        expect((await browser.page("/seen")).status).toBe(200);
        expect(await shop.heard()).toEqual([`${browser.anonymous}: Seen`]);
        expect(new Set(shop.codes)).toEqual(new Set([code]));
      });
    }

    it("is asked again after a log in within the request", async () => {
      const users = new WeakMap<object, string>();
      const login = post("/login", (turn) => {
        turn.km.record("Tried");
        users.set(turn.native, "bob");
        turn.km.record("Logged In");
        turn.send(turn.km.identity);
      });
      const shop = await openShop(mount, { options: { identity: (native) => users.get(native as object) ?? null }, routes: [login] });
      const browser = shop.browser();
      expect((await browser.form("/login")).text).toBe("bob");
      const a = browser.anonymous;
      expect(await shop.heard()).toEqual([`${a} = bob`, `${a}: Tried`, "bob: Logged In"]);
    });

    it("identify() of a placeholder or of no text leaves the command with the anonymous visitor", async () => {
      for (const name of ["undefined", "", "guest", "[object Object]", {}, undefined]) {
        const page = get("/", (turn) => {
          turn.km.identify(name as string);
          turn.km.record("Seen");
          turn.send("hi");
        });
        const shop = await openShop(mount, { routes: [page] });
        const browser = shop.browser();
        await browser.page("/");
        expect([await shop.heard(), shop.codes.length]).toEqual([[`${browser.anonymous}: Seen`], 1]);
      }
    });

    it("reading the identity mints nothing and tells what would be minted", async () => {
      const who = get("/who", (turn) => turn.send(JSON.stringify([turn.km.identity, turn.km.anonymous, turn.km.identity])));
      const act = get("/act", (turn) => {
        const first = turn.km.identity;
        turn.km.record("Act");
        turn.send(JSON.stringify([first, turn.km.identity]));
      });
      const shop = await openShop(mount, { routes: [who, act] });
      const answer = await shop.browser().call("/who");
      const [first, anonymous, second] = JSON.parse(answer.text) as [string, boolean, string];
      expect([isAnonymous(first), anonymous, second, answer.cookies]).toEqual([true, true, first, []]);
      const browser = shop.browser();
      expect(JSON.parse((await browser.page("/act")).text)).toEqual([browser.anonymous, browser.anonymous]);
    });

    it("junk replaces the rule, and may throw", async () => {
      const rule = (name: string) => {
        if (name === "bang") throw new Error("on purpose");
        return name.endsWith("@shop.example");
      };
      const shop = await openShop(mount, { options: { junk: rule, identity: () => undefined }, routes: [logIn] });
      for (const name of ["guest", "bang"])
        await shop
          .browser()
          .call("/login", {}, "POST")
          .then(() => shop.browser().form("/login", { name }));
      const browser = shop.browser();
      await browser.form("/login", { name: "test@shop.example" });
      const heard = await shop.heard();
      expect(heard.filter((line) => /^(guest|bang): /.test(line))).toEqual(["guest: Logged In", "bang: Logged In"]);
      expect(heard.at(-1)).toBe(`${browser.anonymous}: Logged In`);
    });
  });
}
