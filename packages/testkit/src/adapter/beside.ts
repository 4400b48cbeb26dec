import { expect } from "vitest";
import { ask, kinds } from "./browser.ts";
import type { Turn } from "./mount.ts";
import { get, need, openShop, takeOver } from "./shop.ts";
import type { Suite } from "./suite.ts";

const page = kinds.page;
const raw = (turn: Turn) => need(turn.raw, "raw");

/** By what name the app's own cookies are written, in which way. */
const writers: [string, string[], (turn: Turn) => void][] = [
  [
    "by the framework, before and after a command",
    ["a=1", "b=2"],
    (turn) => {
      turn.cookie("a", "1");
      turn.km.record("Seen");
      turn.cookie("b", "2");
      turn.send("hi");
    },
  ],
  [
    "by the framework, on a redirection",
    ["a=1"],
    (turn) => {
      turn.cookie("a", "1");
      turn.redirect("/next");
    },
  ],
  [
    "by the framework, before a stream",
    ["a=1"],
    (turn) => {
      turn.cookie("a", "1");
      const stream = turn.stream();
      stream.write("hi");
      stream.end();
    },
  ],
  ["as a header of one line", ["a=1"], (turn) => void [turn.setHeader("Set-Cookie", "a=1"), turn.send("hi")]],
  ["as a header of a list", ["a=1", "b=2"], (turn) => void [turn.setHeader("set-cookie", ["a=1", "b=2"]), turn.send("hi")]],
  ["raw, and the framework answers", ["a=1"], (turn) => void [raw(turn).setHeader("Set-Cookie", "a=1"), turn.send("hi")]],
  [
    "raw, appended",
    ["a=1", "b=2"],
    (turn) => void takeOver(turn).appendHeader("Set-Cookie", "a=1").appendHeader("Set-Cookie", "b=2").end(),
  ],
  [
    "by writeHead with an object",
    ["a=1", "b=2"],
    (turn) =>
      void takeOver(turn)
        .writeHead(200, { "Set-Cookie": ["a=1", "b=2"] })
        .end("hi"),
  ],
  [
    "by writeHead with a reason and an object",
    ["a=1"],
    (turn) => void takeOver(turn).writeHead(201, "Made", { "set-cookie": "a=1" }).end(),
  ],
  [
    "by writeHead with a list",
    ["a=1", "b=2"],
    (turn) => void takeOver(turn).writeHead(200, ["Set-Cookie", "a=1", "Set-Cookie", "b=2"]).end("hi"),
  ],
  [
    "raw, before a writeHead of something else",
    ["a=1"],
    (turn) => {
      takeOver(turn).setHeader("Set-Cookie", "a=1");
      takeOver(turn).writeHead(200, { "X-Other": "1" }).end("hi");
    },
  ],
  [
    "raw, after a command",
    ["a=1"],
    (turn) => {
      turn.km.record("Seen");
      takeOver(turn).setHeader("Set-Cookie", "a=1");
      takeOver(turn).end("hi");
    },
  ],
];

/** Our cookies beside those of the app: none is lost, none comes twice. */
export function beside(suite: Suite): void {
  const { it, mount } = suite;

  suite.describe("beside the app's own cookies", () => {
    for (const [how, theirs, handle] of writers) {
      it(`written ${how}`, async () => {
        const shop = await openShop(mount, { routes: [get("/", handle)] });
        const { cookies } = await ask(shop.url, { headers: page });
        const pairs = cookies.map((line) => line.split(";")[0] as string);
        expect(pairs.filter((pair) => !pair.startsWith("km_"))).toEqual(theirs);
        expect(pairs.filter((pair) => pair.startsWith("km_")).map((pair) => pair.split("=")[0])).toEqual(["km_ai", "km_claim"]);
        await shop.quiet();
        expect(shop.codes).toEqual([]);
      });
    }

    for (const sessions of ["before", "after"] as const) {
      const cart = (more: (turn: Turn) => void) =>
        openShop(mount, {
          sessions,
          routes: [
            get("/", (turn) => {
              (turn.session as Record<string, unknown>).cart = 1;
              turn.km.record("Seen");
              turn.cookie("a", "1");
              more(turn);
              turn.redirect("/next");
            }),
          ],
        });

      it(`written by the framework and by the session library, mounted ${sessions} km(), on a redirection`, async () => {
        const shop = await cart(() => {});
        const { cookies, status } = await ask(shop.url, { headers: page });
        expect(status).toBe(302);
        const names = cookies.map((line) => line.split("=")[0]);
        expect(names).toEqual(expect.arrayContaining(["a", "km_ai", "km_claim"]));
        expect(names.length).toBeGreaterThan(3);
        expect(new Set(names).size).toBe(names.length);
      });

      it(`written raw, by the framework and by the session library, mounted ${sessions} km()`, async () => {
        const shop = await cart((turn) => raw(turn).appendHeader("Set-Cookie", "raw=1"));
        const names = (await ask(shop.url, { headers: page })).cookies.map((line) => line.split("=")[0]);
        expect(names).toEqual(expect.arrayContaining(["a", "raw", "km_ai", "km_claim"]));
        expect(names.length).toBeGreaterThan(4);
        expect(new Set(names).size).toBe(names.length);
      });
    }
  });
}
