import http from "node:http";
import { join } from "node:path";
import { ask, kinds, type Receiver, startReceiver } from "@kmkit/testkit";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { directory, type Launched, launch } from "./launch.ts";

let receiver: Receiver;
let server: Launched | undefined;
const outbox = directory();
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(async () => {
  await server?.end();
  await receiver.close();
  outbox.remove();
});

async function start(): Promise<string> {
  server = await launch({ folder: join(import.meta.dirname, "pages"), env: { KMKIT_URL: receiver.url, KMKIT_OUTBOX: outbox.path } });
  return server.url;
}

/** A page of the App Router, a page of the Pages Router, a route handler: each with a number of its own. */
const asks = [
  (n: number) => ({ path: `/counted/${n}`, method: "GET", headers: kinds.page }),
  (n: number) => ({ path: `/visited/${n}`, method: "GET", headers: kinds.page }),
  (n: number) => ({ path: `/api/count/${n}`, method: "POST", headers: kinds.call }),
];

/** Sends requests on twenty connections until the server is gone; gives the time at which each was answered, and the longest that one took. */
async function load(url: string, enough: (answered: number) => void): Promise<{ answered: Map<string, number>; slowest: number }> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
  const answered = new Map<string, number>();
  let [next, slowest] = [0, 0];
  const worker = async () => {
    for (;;) {
      const n = next++;
      const asked = performance.now();
      const options = asks[n % asks.length]?.(n);
      const ok = await new Promise<boolean>((resolve) => {
        const request = http.request(url, { agent, ...options }, (response) => {
          response.resume();
          response.on("end", () => resolve(response.statusCode === 200));
          response.on("error", () => resolve(false));
        });
        request.on("error", () => resolve(false));
        request.end();
      });
      if (!ok) return;
      answered.set(String(n), performance.now());
      // Not those of the first pages, whose code is still being loaded.
      if (n > 150) slowest = Math.max(slowest, performance.now() - asked);
      enough(answered.size);
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  agent.destroy();
  return { answered, slowest };
}

it("kill -9 of `next start` in mid-load, with the collector down by then, loses nothing that was recorded by a request answered 50 ms before", async () => {
  let killed = 0;
  let down = 0;
  const { answered, slowest } = await load(await start(), (count) => {
    // Not before some have come: a quick machine answers two hundred within the first batch's wait.
    if (down === 0 && count >= 200 && receiver.commands.length > 0) {
      down = count;
      void receiver.down();
    }
    if (down === 0 || count !== down + 250) return;
    killed = performance.now();
    server?.process.kill("SIGKILL");
  });
  await server?.end();
  const before = receiver.commands.length;
  expect(before).toBeGreaterThan(0);
  await receiver.up();
  // An earlier process's commands are sent by whoever opens the outbox next: the first request does.
  await ask(`${await start()}/still`, { headers: { ...kinds.page, "sec-gpc": "1" } });
  // What is answered in one turn of the server's event loop is put on disk at its end: a machine that is busy otherwise takes longer for a turn.
  const must = [...answered].filter(([, time]) => time < killed - Math.max(50, slowest)).map(([n]) => n);
  expect(must.length).toBeGreaterThan(150);
  expect(new Set(must.map((n) => Number(n) % asks.length)).size).toBe(asks.length);
  await vi.waitFor(
    () => {
      const arrived = new Set(receiver.commands.map(({ properties }) => properties?.n));
      expect(must.filter((n) => !arrived.has(n))).toEqual([]);
    },
    { timeout: 20_000, interval: 100 },
  );
  expect(receiver.commands.length).toBeGreaterThan(before);
  // A retry may put a copy on the wire, but it is the same command.
  const ids = new Map(receiver.commands.map(({ id, properties }) => [properties?.n, id]));
  for (const { id, properties } of receiver.commands) expect(ids.get(properties?.n)).toBe(id);
});
