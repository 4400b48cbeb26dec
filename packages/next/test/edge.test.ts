import { once } from "node:events";
import { join } from "node:path";
import type { Command } from "@kmkit/core";
import { type Answer, ask, claimOf, kinds, people, type Receiver, startReceiver, told } from "@kmkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { directory, type Launched, launch, quiet } from "./launch.ts";

const folder = join(import.meta.dirname, "pages");
let receiver: Receiver;
let server: Launched;
const outbox = directory();
const start = () => launch({ folder, env: { KMKIT_URL: receiver.url, KMKIT_OUTBOX: outbox.path } });
beforeAll(async () => {
  receiver = await startReceiver();
  server = await start();
  await quiet(server);
});
afterAll(async () => {
  await server.end();
  await receiver.close();
  outbox.remove();
});
beforeEach(async () => {
  await quiet(server);
  receiver.clear();
});

/** Waits for commands that come from several outboxes: those in each of the Edge runtime's sandboxes, and Node's. */
async function heard(count: number): Promise<string[]> {
  await quiet(server);
  await vi.waitFor(() => expect(receiver.commands.length).toBeGreaterThanOrEqual(count));
  return told(receiver.commands as readonly Command[]).sort();
}
/** The names of the cookies on an answer, and the claim that goes with the last `km_ai`. */
const names = ({ cookies }: Answer) => cookies.map((line) => line.slice(0, line.indexOf("="))).sort();

async function known() {
  const browser = server.browser();
  await browser.page("/still");
  return { browser, a: browser.anonymous };
}

describe("a handler of the Edge runtime", () => {
  it("alone: records a first visitor, and sets both cookies", async () => {
    const browser = server.browser();
    const answer = await browser.call("/edge/record?n=1", {}, "POST");
    const a = browser.anonymous;
    expect([answer.status, JSON.parse(answer.text), names(answer), browser.claim]).toEqual([
      200,
      { identity: a },
      ["km_ai", "km_claim"],
      "-",
    ]);
    expect((await browser.call("/edge/record?n=2", {}, "POST")).cookies).toEqual([]);
    expect(await heard(2)).toEqual([`${a}: Recorded`, `${a}: Recorded`]);
    expect(receiver.commands.map(({ properties }) => properties)).toEqual([{ n: "1" }, { n: "2" }]);
  });

  it("behind a proxy of the Node runtime: one visitor, and one pair in the answer", async () => {
    const browser = server.browser();
    const answer = await browser.page("/edge/record");
    const a = browser.anonymous;
    expect([JSON.parse(answer.text).identity, names(answer), browser.claim]).toEqual([a, ["km_ai", "km_claim"], "-"]);
    expect((await browser.page("/shop")).text).toContain(a);
    expect(await heard(2)).toEqual([`${a}: Recorded`, `${a}: Viewed Shop`]);
  });

  it.each(["cookies", "answer", "identify"])(
    "logs in and out, a first visit, behind the proxy: the handler's pair counts (%s)",
    async (by) => {
      const browser = server.browser();
      const log = async (user?: string) => {
        const answer = await browser.form(`/edge/log?by=${by}${user === undefined ? "" : `&user=${user}`}`);
        expect([answer.status, names(answer)]).toEqual([200, ["km_ai", "km_claim", "user"]]);
        return browser.anonymous;
      };
      const a = await log("bob");
      expect(browser.claim).toBe(claimOf(a, "bob"));
      expect((await browser.page("/shop")).text).toContain(">bob<");
      const b = await log();
      expect([a === b, browser.claim]).toEqual([false, "-"]);
      expect((await browser.page("/shop")).text).toContain(b);
      expect(await log("bill")).toBe(b);
      expect(browser.claim).toBe(claimOf(b, "bill"));
      const c = await log("carl");
      expect([c === b, browser.claim]).toEqual([false, claimOf(c, "carl")]);
      await browser.page("/shop");
      const told = await heard(10);
      expect(told.filter((line) => line.includes(" = "))).toEqual([`${a} = bob`, `${b} = bill`, `${c} = carl`].sort());
      const sorted = (groups: string[][]) => groups.map((group) => group.sort().join()).sort();
      expect(sorted(people(receiver.commands as readonly Command[]))).toEqual(
        sorted([
          [a, "bob"],
          [b, "bill"],
          [c, "carl"],
        ]),
      );
    },
  );

  it("logs in by a script's call, where the proxy keeps out", async () => {
    const { browser, a } = await known();
    const answer = await browser.call("/edge/log?user=bob", {}, "POST");
    expect([names(answer), browser.anonymous, browser.claim]).toEqual([["km_ai", "km_claim", "user"], a, claimOf(a, "bob")]);
    expect(await heard(2)).toEqual([`${a} = bob`, `${a}: Entering`]);
  });

  it.each([
    ["redirect", "page", 307],
    ["redirect", "call", 307],
    ["missing", "call", 404],
    ["throw", "call", 500],
  ] as const)("%s() of a %s: recorded, and the app's answer", async (how, kind, status) => {
    // Next makes the answers to notFound() and to errors without looking at cookies.
    const { browser } = how === "redirect" ? { browser: server.browser() } : await known();
    const answer = browser.take(await browser.ask(`/edge/ends?how=${how}`, { method: "POST" }, kind));
    expect(answer.status).toBe(status);
    if (how === "redirect") {
      expect([answer.headers.location, names(answer), browser.claim]).toEqual(["/still", ["km_ai", "km_claim", "own"], "-"]);
    }
    expect(await heard(1)).toEqual([`${browser.anonymous}: Ended`]);
  });

  it.each(["page", "call"] as const)("a log in that ends with redirect(): tied (%s)", async (kind) => {
    const { browser, a } = await known();
    browser.take(await browser.ask("/edge/ends?how=redirect&user=bob", { method: "POST" }, kind));
    expect(browser.claim).toBe(claimOf(a, "bob"));
    expect(await heard(2)).toEqual([`${a} = bob`, `${a}: Ended`]);
  });

  it("the client leaves in mid-answer: recorded, and a log in is tied only when the browser has brought its claim", async () => {
    const { browser, a } = await known();
    browser.take(await browser.ask("/edge/stream?user=bob", { method: "POST", leave: true }, "call"));
    expect(await heard(1)).toEqual([`${a}: Streamed`]);
    expect(browser.claim).toBe(claimOf(a, "bob"));
    await browser.ask("/edge/stream", { method: "POST", leave: true }, "call");
    expect(await heard(3)).toEqual([`${a} = bob`, `${a}: Streamed`, "bob: Streamed"]);
  });

  it("twenty first visits at once are twenty visitors, each once", async () => {
    const url = `${server.url}/edge/record`;
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(url, { headers: kinds.page })));
    const identities = answers.map(({ text }) => JSON.parse(text).identity as string);
    expect(new Set(identities).size).toBe(20);
    expect(answers.map(({ ours }) => ours[0]?.slice(6, 42))).toEqual(identities);
    expect(await heard(20)).toEqual(identities.map((identity) => `${identity}: Recorded`).sort());
  });
});

it("after() keeps a server that was told to end until the collector has answered that it has the commands", async () => {
  const ending = await start();
  receiver.mode("status:503");
  try {
    const browser = ending.browser();
    await browser.call("/edge/record", {}, "POST");
    await vi.waitFor(() => expect(receiver.requests.length).toBeGreaterThan(0));
    const closed = once(ending.process, "close");
    ending.process.kill("SIGTERM");
    const before = receiver.requests.length;
    await vi.waitFor(() => expect(receiver.requests.length).toBeGreaterThan(before), { timeout: 10_000 });
    expect(ending.process.exitCode).toBeNull();
    receiver.mode("slow:400");
    await vi.waitFor(() => expect(receiver.commands).toHaveLength(1), { timeout: 10_000 });
    const taken = performance.now();
    expect(await closed).toEqual([143, null]);
    expect(performance.now() - taken).toBeGreaterThan(300);
    expect(told(receiver.commands as readonly Command[])).toEqual([`${browser.anonymous}: Recorded`]);
  } finally {
    receiver.mode("accept");
    await ending.end();
  }
});

it("said nothing in all this", () => {
  expect(server.log()).not.toMatch(/kmkit|KM_/);
});
