import { expect } from "vitest";
import type { Browser } from "./browser.ts";
import type { Mount, Turn } from "./mount.ts";
import { claimOf } from "./people.ts";
import { byHeader, get, openShop, type Shop, silent, takeOver } from "./shop.ts";
import type { Suite } from "./suite.ts";

/** What the handler does with its visitor: says who it is if asked to, and records. */
const act = (turn: Turn) => {
  const user = turn.header("x-login");
  if (user !== undefined) turn.km.identify(user);
  turn.km.record("Did");
};
const fail = () => {
  throw new Error("on purpose");
};

/** Every way to answer, with the status that it comes to. */
const ways = (mount: Mount): [string, number, (turn: Turn) => void | Promise<void>][] => [
  ["a text", 200, (turn) => turn.send("done")],
  ["a text after an await", 200, async (turn) => turn.send(await Promise.resolve("done"))],
  ["a redirection", 302, (turn) => turn.redirect("/silent")],
  ["204", 204, (turn) => turn.send("", 204)],
  ["another status", 418, (turn) => turn.send("tea", 418)],
  ["a handler that throws", 500, fail],
  ["a handler that fails later", 500, async () => void (await Promise.resolve().then(fail))],
  [
    "the framework's own error",
    418,
    () => {
      throw mount.httpError(418);
    },
  ],
  [
    "a stream",
    200,
    (turn) => {
      const stream = turn.stream();
      for (const part of ["one", "two", "three"]) stream.write(part.repeat(20_000));
      stream.end();
    },
  ],
  [
    "a stream with pauses",
    200,
    async (turn) => {
      const stream = turn.stream();
      for (const part of ["one", "two", "three"]) {
        stream.write(part);
        await new Promise((resolve) => setImmediate(resolve));
      }
      stream.end();
    },
  ],
  ["a raw end", 200, (turn) => void takeOver(turn).end("done")],
  ["a raw writeHead and end", 418, (turn) => void takeOver(turn).writeHead(418, { "X-Other": "1" }).end("tea")],
  [
    "raw flushHeaders",
    200,
    (turn) => {
      takeOver(turn).flushHeaders();
      takeOver(turn).end("done");
    },
  ],
];

/** Whatever the answer is, it carries our cookies, and what was recorded stands under them. */
export function answers(suite: Suite): void {
  const { it, mount } = suite;

  for (const [way, status, answer] of ways(mount)) {
    suite.describe(`an answer by ${way}`, () => {
      const open = (): Promise<Shop> => {
        const page = get("/", (turn) => {
          act(turn);
          return answer(turn);
        });
        return openShop(mount, { options: { identity: () => undefined }, routes: [page, silent] });
      };

      it("carries the first visitor's cookie, and the command stands under it", async () => {
        const shop = await open();
        const browser = shop.browser();
        const got = await browser.page("/");
        expect([got.status, got.ours.length]).toEqual([status, 2]);
        expect([await shop.heard(), shop.codes]).toEqual([[`${browser.anonymous}: Did`], []]);
      });

      it("carries a log in: claimed cookie, one alias, the command bob's", async () => {
        const shop = await open();
        const { browser, a } = await shop.visitor("/silent");
        const got = await browser.call("/", { "x-login": "bob" });
        expect([got.status, browser.anonymous, browser.claim]).toEqual([status, a, claimOf(a, "bob")]);
        expect([await shop.heard(), shop.codes]).toEqual([[`${a} = bob`, "bob: Did"], []]);
      });

      it("HEAD carries it as well", async () => {
        const shop = await open();
        const { browser, a } = await shop.visitor("/silent");
        const got = await browser.call("/", { "x-login": "bob" }, "HEAD");
        expect([got.status, got.text, browser.claim]).toEqual([status, "", claimOf(a, "bob")]);
        expect(await shop.aliases()).toEqual([`${a} = bob`]);
      });
    });
  }

  it("an answer where no route is carries a log in", async () => {
    const shop = await openShop(mount, { options: { identity: byHeader(mount) }, routes: [silent] });
    const { browser, a } = await shop.visitor("/silent");
    expect((await browser.call("/nowhere", { "x-user": "bob" })).status).toBe(404);
    expect([browser.claim, await shop.heard()]).toEqual([claimOf(a, "bob"), [`${a} = bob`]]);
  });

  it("a 304 carries cookie and alias, and becomes private", async () => {
    const tagged = get("/", (turn) => {
      act(turn);
      turn.setHeader("ETag", '"1"');
      if (turn.header("if-none-match") === '"1"') turn.send("", 304);
      else turn.send("page");
    });
    const shop = await openShop(mount, { options: { identity: () => undefined }, routes: [tagged, silent] });
    const { browser, a } = await shop.visitor("/silent");
    await browser.page("/");
    const answer = await browser.page("/", { "if-none-match": '"1"', "x-login": "bob" });
    expect([answer.status, answer.ours.length]).toEqual([304, 2]);
    expect(answer.headers["cache-control"]).toContain("private");
    expect(await shop.heard()).toEqual([`${a}: Did`, `${a} = bob`, "bob: Did"]);
  });

  it("the framework's own error reaches the framework untouched", async () => {
    const error = mount.httpError(418);
    const before = JSON.stringify(Object.getOwnPropertyDescriptors(error));
    const shop = await openShop(mount, {
      routes: [
        get("/", (turn) => {
          turn.km.record("Did");
          throw error;
        }),
      ],
    });
    expect((await shop.browser().page("/")).status).toBe(418);
    expect(JSON.stringify(Object.getOwnPropertyDescriptors(error))).toBe(before);
    expect([(await shop.heard()).length, shop.codes]).toEqual([1, []]);
  });

  it("many commands of one request keep their order, with set among them", async () => {
    const page = get("/", (turn) => {
      for (let count = 0; count < 5; count += 1) {
        turn.km.record(`Did ${count}`);
        turn.km.set({ count });
      }
      turn.send("done");
    });
    const shop = await openShop(mount, { routes: [page] });
    const browser: Browser = shop.browser();
    await browser.page("/");
    const a = browser.anonymous;
    expect(await shop.heard()).toEqual([0, 1, 2, 3, 4].flatMap((count) => [`${a}: Did ${count}`, `${a} {"count":${count}}`]));
  });
}
