import { cpSync } from "node:fs";
import { join, relative } from "node:path";
import type { Command } from "@kmkit/core";
import { type Receiver, startReceiver, told } from "@kmkit/testkit";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { directory, type Launched, launch, quiet } from "./launch.ts";

// What `output: "standalone"` makes, as a container would get it: nothing of the repository is near it.
const repository = join(import.meta.dirname, "../../..");
const app = join(import.meta.dirname, "small");
const copy = directory();
const outbox = directory();
const folder = join(copy.path, relative(repository, app));
let receiver: Receiver;
let server: Launched;
const start = () =>
  launch({ folder, run: [join(folder, "server.js")], env: { KMKIT_URL: receiver.url, KMKIT_OUTBOX: outbox.path, NODE_ENV: "production" } });
beforeAll(async () => {
  cpSync(join(app, ".next-standalone/standalone"), copy.path, { recursive: true, verbatimSymlinks: true });
  receiver = await startReceiver();
  server = await start();
});
afterAll(async () => {
  await server.end();
  await receiver.close();
  outbox.remove();
  copy.remove();
});

it("the very first page is whole, by instrumentation.ts", async () => {
  // Until the server is ready: this page needs nothing of ours.
  expect((await fetch(`${server.url}/nowhere`)).status).toBe(404);
  const browser = server.browser();
  const answer = await browser.page("/");
  const a = browser.anonymous;
  expect(answer.text).toContain(`data-whole="true">${a}<`);
  expect(answer.ours).toHaveLength(2);
  await quiet(server);
  expect(told(receiver.commands as readonly Command[])).toEqual([`${a}: Viewed Home`]);
  const edge = await browser.call("/api/edge", {}, "POST");
  expect([JSON.parse(edge.text).identity, edge.cookies]).toEqual([a, []]);
  await vi.waitFor(() => expect(told(receiver.commands as readonly Command[])).toEqual([`${a}: Viewed Home`, `${a}: Asked Edge`]));
});

it("commands survive kill -9 with the collector down, and the next start sends them, each once", async () => {
  receiver.clear();
  await receiver.down();
  expect((await quiet(server)).durable).toBe(true);
  const browser = server.browser();
  await browser.page("/");
  for (let n = 0; n < 20; n += 1) expect((await browser.call(`/api/count/${n}`, {}, "POST")).status).toBe(200);
  const { kept, sent } = await quiet(server, "?deadline=1");
  expect([kept, sent]).toEqual([21, 1]);
  await server.end("SIGKILL");
  await receiver.up();
  server = await start();
  // An earlier process's commands are looked for with the first request after the app is loaded, also if nobody records anything.
  const ask = async () => {
    expect((await fetch(`${server.url}/nowhere`)).status).toBe(404);
    expect(receiver.commands.length).toBeGreaterThanOrEqual(21);
  };
  await vi.waitFor(ask, { timeout: 10_000, interval: 200 });
  const { durable, kept: left } = await quiet(server);
  expect([durable, left]).toEqual([true, 0]);
  expect(receiver.commands.map(({ name, properties }) => `${name} ${properties?.n ?? ""}`)).toEqual([
    "Viewed Home ",
    ...Array.from({ length: 20 }, (_, n) => `Asked ${n}`),
  ]);
  expect(new Set(receiver.commands.map(({ identity }) => identity))).toEqual(new Set([browser.anonymous]));
  expect(new Set(receiver.commands.map(({ id }) => id)).size).toBe(21);
  expect(server.log()).not.toMatch(/kmkit|KM_/);
});
