import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Command } from "@kmkit/core";
import { type Receiver, startReceiver, told } from "@kmkit/testkit";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { directory, type Launched, launch, nextOf, quiet } from "./launch.ts";

// `next dev` on a copy of an app that the test may edit: within the package, so that its modules are found, and ignored by git.
const folder = mkdtempSync(join(import.meta.dirname, ".next-dev-"));
const outbox = directory();
const proxy = `
import { kmProxy } from "@kmkit/next";
export const proxy = kmProxy();
export const config = { matcher: ["/"] };
`;
let receiver: Receiver;
let server: Launched;
beforeAll(async () => {
  cpSync(join(import.meta.dirname, "small"), folder, {
    recursive: true,
    // Without instrumentation.ts, so that the first request comes before the package is loaded.
    filter: (source) => !basename(source).startsWith(".next") && basename(source) !== "instrumentation.ts",
  });
  // Next (16.4) may go on with a route's old code after an edit of a module that the proxy imports, too: here the two have none in common.
  writeFileSync(join(folder, "proxy.ts"), proxy);
  receiver = await startReceiver();
  const env = { NODE_ENV: "development", KMKIT_URL: receiver.url, KMKIT_OUTBOX: outbox.path };
  server = await launch({ folder, run: [nextOf(folder), "dev"], env, group: true });
});
afterAll(async () => {
  await server.end();
  await receiver.close();
  outbox.remove();
  rmSync(folder, { recursive: true, force: true });
});

const inside = async () => (await (await fetch(`${server.url}/api/inside`, { method: "POST" })).json()) as { clients: number[] };
const seen = (text: string) => /data-whole="(\w+)">([^<]*)/.exec(text)?.slice(1);

it("the first request of all has its visitor, and its command arrives", async () => {
  const browser = server.browser();
  const first = await browser.page("/");
  const a = browser.anonymous;
  expect([first.status, first.ours.length, seen(first.text)]).toEqual([200, 2, ["false", a]]);
  const second = await browser.page("/");
  expect([second.ours, seen(second.text)]).toEqual([[], ["true", a]]);
  await vi.waitFor(() => expect(told(receiver.commands as readonly Command[])).toEqual([`${a}: Viewed Home`, `${a}: Viewed Home`]));
});

it("edits and hot reloads make no second outbox, leave no listeners, lose no command", async () => {
  const browser = server.browser();
  const records: string[] = [];
  const page = async () => {
    expect(seen((await browser.page("/")).text)).toEqual(["true", browser.anonymous]);
    records.push("Viewed Home");
  };
  const call = async () => {
    const { edition } = JSON.parse((await browser.call("/api/count/1", {}, "POST")).text);
    records.push("Asked");
    return edition;
  };
  await page();
  expect(await call()).toBeUndefined();
  // The app's own /api/quiet listens, too.
  await quiet(server);
  const before = await inside();
  expect(before).toMatchObject({ clients: [1, 1], subscribers: 2 });
  receiver.clear();
  records.length = 0;

  const [lib, route] = [join(folder, "lib/km.ts"), join(folder, "app/api/count/[n]/route.ts")];
  const sources = { lib: readFileSync(lib, "utf8"), route: readFileSync(route, "utf8") };
  for (let edition = 1; edition <= 3; edition += 1) {
    writeFileSync(lib, `${sources.lib}\nexport const edition = ${edition};\n`);
    if (edition === 1) {
      const edited = sources.route.replace("{ withKm }", "{ edition, withKm }").replace("Response.json({", "Response.json({ edition,");
      expect(edited.match(/edition/g)).toHaveLength(2);
      writeFileSync(route, edited);
    } else writeFileSync(route, `${readFileSync(route, "utf8")}\n// ${edition}\n`);
    await vi.waitFor(async () => expect(await call()).toBe(edition), { timeout: 10_000, interval: 100 });
    await page();
  }
  expect(await inside()).toEqual(before);
  expect((await quiet(server)).durable).toBe(true);
  expect(told(receiver.commands as readonly Command[])).toEqual(records.map((name) => `${browser.anonymous}: ${name}`));
});

it("said nothing in all this", () => {
  expect(server.log()).not.toMatch(/kmkit|KM_|MaxListeners/);
});
