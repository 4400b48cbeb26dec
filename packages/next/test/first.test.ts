import { join } from "node:path";
import type { Command } from "@kmkit/core";
import { type Answer, type Browser, type Receiver, startReceiver, told } from "@kmkit/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { actionForm, directory, type Launched, launch } from "./launch.ts";

// `next start` listens before it has loaded anything. A request that comes before the package is loaded has no Node response of ours: each layer
// then does what it can by Next's own means.
const apps = join(import.meta.dirname);
let receiver: Receiver;
let server: Launched | undefined;
let outbox: ReturnType<typeof directory>;
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(() => receiver.close());
beforeEach(() => {
  outbox = directory();
  receiver.clear();
});
afterEach(async () => {
  await server?.end();
  outbox.remove();
});

async function start(app: string, env: Readonly<Record<string, string>>): Promise<Browser> {
  server = await launch({ folder: join(apps, app), env: { KMKIT_URL: receiver.url, KMKIT_OUTBOX: outbox.path, ...env } });
  return server.browser();
}
const arrived = (lines: readonly string[]) =>
  vi.waitFor(() => expect(told(receiver.commands as readonly Command[]).sort()).toEqual([...lines].sort()), { timeout: 5000 });
const whole = (answer: Answer) => /(?:data-whole="|"whole":)(true|false)/.exec(answer.text)?.[1];
const said = () => server?.log().match(/KM_\w+/g) ?? [];

describe("without instrumentation.ts the very first request", () => {
  const lazy = () => start("pages", { LAZY: "1" });

  it("of a page behind the proxy: the cookies come from the proxy, and the page knows them", async () => {
    const browser = await lazy();
    const first = await browser.page("/counted/1");
    const a = browser.anonymous;
    expect([whole(first), first.ours.length, first.text.includes(`>${a}<`)]).toEqual(["false", 2, true]);
    const second = await browser.page("/counted/2");
    expect([whole(second), second.ours.length, second.text.includes(`>${a}<`)]).toEqual(["true", 0, true]);
    await arrived([`${a}: Counted`, `${a}: Counted`]);
    expect(said()).toEqual([]);
  });

  it("of somebody who is logged in, on a page behind the proxy: tied when the browser has brought the claim back", async () => {
    const browser = await lazy();
    browser.put("user", "bob");
    const first = await browser.page("/counted/1");
    expect([whole(first), first.ours.length, first.text.includes(">bob<")]).toEqual(["false", 2, true]);
    // An alias would come first.
    await arrived(["bob: Counted"]);
    await browser.page("/counted/2");
    await arrived(["bob: Counted", `${browser.anonymous} = bob`, "bob: Counted"]);
    expect(said()).toEqual([]);
  });

  it("of a page where no proxy is: its command comes, but nobody can be that visitor again, which is said", async () => {
    const browser = await lazy();
    const first = await browser.page("/alone/1");
    expect([whole(first), first.cookies]).toEqual(["false", []]);
    const [, a] = />([0-9a-f-]{36})</.exec(first.text) ?? [];
    await arrived([`${a}: Counted`]);
    expect(said()).toEqual(["KM_COOKIE_TOO_LATE"]);
    const second = await browser.page("/alone/2");
    expect([whole(second), second.ours.length, second.text.includes(`>${browser.anonymous}<`)]).toEqual(["true", 2, true]);
  });

  it("of a route handler: commands and cookies, by its answer", async () => {
    const browser = await lazy();
    const first = await browser.call("/api/count/1", {}, "POST");
    expect([whole(first), first.ours.length]).toEqual(["false", 2]);
    const second = await browser.call("/api/count/2", {}, "POST");
    expect([whole(second), second.ours.length]).toEqual(["true", 0]);
    await arrived([`${browser.anonymous}: Asked`, `${browser.anonymous}: Asked`]);
    expect(said()).toEqual([]);
  });

  it("of an action by a form: the proxy's cookies, and its command", async () => {
    const browser = await lazy();
    const page = await browser.page("/act");
    const a = browser.anonymous;
    await server?.end();
    // The same page's form, sent to a server that has just been started.
    const again = await lazy();
    again.jar.clear();
    for (const [key, cookie] of browser.jar) again.jar.set(key, cookie);
    const { kind, ...request } = actionForm(page.text, "act", server?.url ?? "");
    expect((await again.ask("/act", request, kind)).status).toBe(200);
    await arrived([`${a}: Acted`]);
    expect(said()).toEqual([]);
  });

  it("of getServerSideProps: complete, since the Pages Router shows the response itself", async () => {
    const browser = await lazy();
    const first = await browser.page("/shop");
    const a = browser.anonymous;
    expect([whole(first), first.ours.length, first.text.includes(`>${a}<`)]).toEqual(["false", 2, true]);
    await browser.call("/api/rate", {}, "POST");
    await arrived([`${a}: Viewed Shop`, `${a}: Rated`]);
    expect(said()).toEqual([]);
  });
});

it("with instrumentation.ts, built by webpack: the very first request is whole, so that a name is tied at once", async () => {
  const browser = await start("app", { DIST: ".next-webpack", LAZY: "1", INSTRUMENTED: "1" });
  await vi.waitFor(() => expect(server?.log()).toContain("instrumented"), { timeout: 10_000 });
  browser.put("user", "bob");
  expect((await browser.page("/static")).ours).toHaveLength(2);
  await arrived([`${browser.anonymous} = bob`]);
  expect(said()).toEqual([]);
});
