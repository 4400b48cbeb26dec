import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, type Receiver, startChild, startReceiver } from "@kmkit/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";

/** An app as anybody would write it, run from what is built. */
const app = `
import express from "express";
import { km } from "../dist/index.js";
const app = express();
app.use(km());
app.get("/:n", (req, res) => { req.km.record("Visited", { n: Number(req.params.n) }); res.send("ok"); });
const server = app.listen(0, "127.0.0.1", () => console.log("ready", server.address().port));
`;

let receiver: Receiver;
let directory: string;
let child: Child | undefined;
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(() => receiver.close());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kmkit-kill-"));
  receiver.clear();
});
afterEach(async () => {
  child?.process.kill("SIGKILL");
  await child?.ended;
  rmSync(directory, { recursive: true, force: true });
});

async function start(): Promise<number> {
  child = startChild(app, { cwd: import.meta.dirname, env: { KMKIT_URL: receiver.url, KMKIT_OUTBOX: directory, NODE_ENV: "production" } });
  return Number(await child.line("ready"));
}

/** Unlike in any other run of this file: what a killed program has sent may reach the receiver when the next test has begun. */
let next = 0;

/** Sends requests until the server is gone; gives the time at which each was answered. */
async function load(port: number, enough: (answered: number) => void): Promise<Map<number, number>> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
  const answered = new Map<number, number>();
  const worker = async () => {
    for (;;) {
      const n = next++;
      const ok = await new Promise<boolean>((resolve) => {
        const request = http.get({ port, host: "127.0.0.1", path: `/${n}`, agent, headers: { accept: "text/html" } }, (response) => {
          response.resume();
          response.on("end", () => resolve(response.statusCode === 200));
          response.on("error", () => resolve(false));
        });
        request.on("error", () => resolve(false));
      });
      if (!ok) return;
      answered.set(n, performance.now());
      enough(answered.size);
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  agent.destroy();
  return answered;
}

/** Kills the app in mid-load and starts it again: what must have arrived by then, and what has. */
async function killInMidLoad(between: () => Promise<void> = async () => {}): Promise<void> {
  let killed = 0;
  const answered = await load(await start(), (count) => {
    if (count !== 1500) return;
    killed = performance.now();
    child?.process.kill("SIGKILL");
  });
  await child?.ended;
  await between();
  await start();
  const must = [...answered].filter(([, time]) => time < killed - 50).map(([n]) => n);
  expect(must.length).toBeGreaterThan(100);
  await vi.waitFor(
    () => {
      const arrived = new Set(receiver.commands.map(({ properties }) => properties?.n));
      expect(must.filter((n) => !arrived.has(n))).toEqual([]);
    },
    { timeout: 20_000, interval: 100 },
  );
  // A retry may put a copy on the wire, but it is the same command.
  const ids = new Map(receiver.commands.map(({ id, properties }) => [properties?.n, id]));
  for (const { id, properties } of receiver.commands) expect(ids.get(properties?.n)).toBe(id);
}

describe("kill -9 of the app in mid-load", () => {
  it("loses nothing that was recorded by a request answered 50 ms before", () => killInMidLoad());

  it("nor with the collector down since before the kill", async () => {
    await receiver.down();
    await killInMidLoad(() => receiver.up());
  });
});
