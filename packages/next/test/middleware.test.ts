import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "@kmkit/core";
import { claimOf, people, type Receiver, startReceiver, told } from "@kmkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { directory, type Launched, launch, quiet } from "./launch.ts";

// The Next suite's app on Next 15, with its middleware on the Edge runtime, where nobody tells whether an answer arrives.
const folder = join(import.meta.dirname, "../../../apps/with-next15/copy");
let receiver: Receiver;
let server: Launched;
const outbox = directory();
beforeAll(async () => {
  receiver = await startReceiver();
  server = await launch({ folder, env: { DIST: ".next-edge", KMKIT_URL: receiver.url, KMKIT_OUTBOX: outbox.path } });
  await quiet(server);
});
afterAll(async () => {
  await server.end();
  await receiver.close();
  outbox.remove();
});
beforeEach(async () => {
  await heard();
  receiver.clear();
});

/** All commands so far, once the middleware has sent one more of somebody else's: its outbox sends in order. */
async function heard(): Promise<string[]> {
  const other = server.browser();
  await other.page("/static?proxy=record");
  await vi.waitFor(() => expect(told(receiver.commands as readonly Command[])).toContain(`${other.anonymous}: Passed Proxy`));
  await quiet(server);
  return told(receiver.commands as readonly Command[]).filter((line) => !line.endsWith(": Passed Proxy"));
}
const claimed = (browser: { value(name: string): string | undefined }) => decodeURIComponent(browser.value("km_claim") ?? "").split(".");
const today = String(Math.floor(Date.now() / 86_400_000));

it("is Edge middleware of Next 15", () => {
  expect(server.log()).toMatch(/Next\.js 15\./);
  expect(JSON.parse(readFileSync(join(folder, ".next-edge/server/middleware-manifest.json"), "utf8")).middleware).toHaveProperty("/");
});

describe("a name", () => {
  it("of a first visitor: claimed at once, tied when the browser has brought the claim back, and once", async () => {
    const browser = server.browser();
    browser.put("user", "bob");
    const first = await browser.page("/static");
    const a = browser.anonymous;
    expect([first.ours.length, claimed(browser)]).toEqual([2, [a.slice(-8), claimOf(a, "bob"), "0"]]);
    expect(await heard()).toEqual([]);
    const second = await browser.page("/static");
    expect([second.ours.length, browser.anonymous, claimed(browser)]).toEqual([2, a, [a.slice(-8), claimOf(a, "bob"), today]]);
    expect(await heard()).toEqual([`${a} = bob`]);
    expect((await browser.page("/static")).ours).toEqual([]);
    expect(await heard()).toEqual([`${a} = bob`]);
  });

  it("whose claim never reached the browser is not tied, however often that happens", async () => {
    const browser = server.browser();
    await browser.page("/static");
    const a = browser.anonymous;
    browser.put("user", "bob");
    for (let time = 0; time < 3; time += 1) expect((await browser.ask("/static")).ours).toHaveLength(2);
    // Whoever comes next on that browser, which still holds a free identity, is the one.
    browser.put("user", "bill");
    await browser.page("/static");
    await browser.page("/static");
    expect(await heard()).toEqual([`${a} = bill`]);
  });

  it("on a page of the Node runtime: claimed in the first answer for good, and every alias says the same", async () => {
    const browser = server.browser();
    browser.put("user", "bob");
    const first = await browser.page("/product");
    const a = browser.anonymous;
    expect([first.ours.length, claimed(browser)[1]]).toEqual([2, claimOf(a, "bob")]);
    for (let time = 0; time < 3; time += 1) await browser.page("/product");
    const commands = await heard();
    expect(commands.filter((line) => !line.includes(" = "))).toEqual(Array.from({ length: 4 }, () => "bob: Viewed Product"));
    const aliases = commands.filter((line) => line.includes(" = "));
    expect(new Set(aliases)).toEqual(new Set([`${a} = bob`]));
    expect(aliases.length).toBeLessThanOrEqual(2);
  });
});

it("log out, and a second person: two people, also where only static pages are seen", async () => {
  const browser = server.browser();
  await browser.page("/static");
  const a = browser.anonymous;
  browser.put("user", "bob");
  await browser.page("/static");
  await browser.page("/static");
  browser.lose((name) => name === "user");
  await browser.page("/static");
  const b = browser.anonymous;
  expect([a === b, browser.claim]).toEqual([false, "-"]);
  await browser.page("/product");
  browser.put("user", "bill");
  await browser.page("/static");
  await browser.page("/product");
  expect([browser.anonymous, browser.claim]).toEqual([b, claimOf(b, "bill")]);
  browser.put("user", "carl");
  await browser.page("/static");
  const c = browser.anonymous;
  expect([c === b, browser.claim]).toEqual([false, claimOf(c, "carl")]);
  await browser.page("/static");
  const commands = await heard();
  // They come from the middleware's outbox and from that of the pages.
  expect(new Set(commands.filter((line) => line.includes(" = ")))).toEqual(new Set([`${a} = bob`, `${b} = bill`, `${c} = carl`]));
  const named = people(receiver.commands as readonly Command[]).filter((group) => group.length > 1);
  expect(new Set(named.map(String))).toEqual(
    new Set(
      [
        [a, "bob"],
        [b, "bill"],
        [c, "carl"],
      ].map((group) => String(group.sort())),
    ),
  );
});

it("said nothing in all this", () => {
  expect(server.log()).not.toMatch(/kmkit|KM_/);
});
