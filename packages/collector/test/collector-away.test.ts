import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { KmError } from "@kmkit/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { collectorOn, limits } from "../src/collector.ts";
import type { Collector } from "../src/index.ts";
import { openChdb } from "../src/store/chdb.ts";
import { alias, get, ndjson, post, record, somebody } from "./collector-fixture.ts";

let directory: string;
let collector: Collector;
let url: string;
/** Whether the store takes nothing. */
let away = false;
/** How long the store takes to count, in ms, and how often it has. */
let counting = 0;
let counted = 0;

/** A collector whose store can be away: a real one, in front of which inserts fail. */
async function open(maxBytes = limits.maxBytes): Promise<void> {
  const engine = async (path: string) => {
    const real = await openChdb(path);
    return {
      ...real,
      insert: (...given: Parameters<typeof real.insert>) =>
        away ? Promise.reject(new KmError("KM_INTERNAL", "away")) : real.insert(...given),
      query: async <T>(...given: Parameters<typeof real.query>): Promise<T[]> => {
        if (given[0].startsWith("SELECT toString(count()) AS n FROM km.commands FINAL")) {
          counted += 1;
          await sleep(counting);
        }
        return real.query<T>(...given);
      },
    };
  };
  collector = await collectorOn({ directory, onError: () => {} }, { open: engine, limits: { ...limits, maxBytes } });
  url = `http://127.0.0.1:${(await collector.listen({ port: 0, host: "127.0.0.1" })).port}`;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kmkit-away-"));
  away = false;
  counting = 0;
});
afterEach(async () => {
  away = false;
  await collector.close();
  await rm(directory, { recursive: true, force: true });
});

describe("while the store is away", () => {
  it("acknowledgements go on, and a read that lacks some of them says of how many", async () => {
    await open();
    const who = somebody();
    expect((await post(url, ndjson(record(who, "Before")))).json.accepted).toBe(1);
    const before = await get(`${url}/v1/people/${who}`);
    expect([before.json.behind, before.headers.get("km-behind")]).toEqual([0, null]);
    away = true;
    expect((await post(url, ndjson(record(who, "Meanwhile"), record(who, "Meanwhile too"), alias(who, `${who}.de`)))).json.accepted).toBe(
      3,
    );
    const [meanwhile, nobody, exported] = await Promise.all([
      get(`${url}/v1/people/${who}`),
      get(`${url}/v1/people/${somebody()}`),
      fetch(`${url}/v1/export`),
    ]);
    expect(meanwhile.json.events).toHaveLength(1);
    // Three commands and the names "meanwhile" and "meanwhile too".
    for (const { headers } of [meanwhile, nobody, exported]) expect(headers.get("km-behind")).toBe("5");
    expect([meanwhile.json.behind, nobody.status]).toEqual([5, 404]);
    expect(await exported.text()).not.toContain("meanwhile");
    expect((await get(`${url}/readyz`)).status).toBe(200);
    away = false;
    const after = await get(`${url}/v1/people/${who}`);
    expect([after.json.events.length, after.json.behind, after.headers.get("km-behind")]).toEqual([3, 0, null]);
  });

  it("a full outbox answers 503 with Retry-After and is not ready, and takes commands again when there is room", async () => {
    await open(1 << 20);
    away = true;
    const body = () => ndjson(...Array.from({ length: 500 }, () => record(somebody(), "x", { v: "y".repeat(200) })));
    let answer = await post(url, body());
    for (; answer.status === 200; answer = await post(url, body())) expect(answer.json.accepted).toBe(500);
    expect(answer).toMatchObject({ status: 503, json: { code: "KM_OUTBOX_FULL" } });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await get(`${url}/readyz`)).toMatchObject({ status: 503, json: { code: "KM_OUTBOX_FULL" } });
    expect((await get(`${url}/healthz`)).status).toBe(200);
    expect((await get(`${url}/v1/status`)).json.waitingBytes).toBeLessThanOrEqual(1 << 20);
    // A classic call too: clients that look at the status hold it and send it again. All others get their picture.
    const call = `${url}/e?_k=local&_p=x&_n=x&v=${"y".repeat(8000)}`;
    for (let pixel = await fetch(call); pixel.status === 200; pixel = await fetch(call)) await pixel.arrayBuffer();
    for (const init of [{}, { method: "POST" }]) {
      const pixel = await fetch(call, init);
      expect([pixel.status, pixel.headers.get("content-type"), pixel.headers.get("retry-after")]).toEqual([503, "image/gif", "2"]);
      expect(Buffer.from(await pixel.arrayBuffer()).toString("latin1")).toMatch(/^GIF89a/);
    }
    // What could not be kept is not remembered as said either: another call of that event is the event, and not only its properties.
    const bought = `${url}/e?_k=local&_p=buyer&_n=Bought&_t=${Math.floor(Date.now() / 1000) - 60}&_d=1`;
    expect((await fetch(`${bought}&v=${"y".repeat(8000)}`)).status).toBe(503);
    // What will never be taken must not be held.
    expect((await fetch(`${url}/e?_k=local&_n=x`)).status).toBe(200);
    const batch = {
      method: "POST",
      headers: { "x-km-apikey": "local" },
      body: JSON.stringify([{ identity: "x", event: "x", v: "y".repeat(8000) }]),
    };
    const many = await fetch(`${url}/v1/products/local/tracking/e`, batch);
    expect([many.status, many.headers.get("retry-after"), ((await many.json()) as { code: string }).code]).toEqual([
      503,
      "2",
      "KM_OUTBOX_FULL",
    ]);
    away = false;
    await get(`${url}/v1/people/nobody`);
    expect((await post(url, body())).status).toBe(200);
    expect((await fetch(`${bought}&Plan=Pro`)).status).toBe(200);
    expect((await get(`${url}/v1/people/buyer`)).json.events).toMatchObject([{ name: "Bought", properties: { Plan: "Pro" } }]);
    expect(await get(`${url}/readyz`)).toMatchObject({ status: 200, json: { ready: true } });
  });
});

describe("other requests", () => {
  it("go on while a body of 30 MB is worked", async () => {
    await open();
    const lines = Array.from({ length: 40_000 }, (_, n) => record(`p${n}`, `Step ${n % 50}`, { n, text: "ü and more ".repeat(56) }));

    const body = ndjson(...lines);
    expect(Buffer.byteLength(body)).toBeGreaterThan(30 << 20);
    const order: string[] = [];
    const large = post(url, gzipSync(body), { "content-encoding": "gzip" }).then((answer) => {
      order.push("large");
      return answer;
    });
    // When the first of it is kept, there is much left to do.
    for (let waiting = 0; waiting === 0; ) waiting = (await get(`${url}/v1/status`)).json.waiting;
    await get(`${url}/healthz`);
    order.push("small");
    expect(await large).toMatchObject({ status: 200, json: { accepted: 40_000, rejected: [] } });
    expect(order).toEqual(["small", "large"]);
  });
});

describe("a collector that ends", () => {
  it("is not ready any more, while it answers those who are connected", async () => {
    await open();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const request = http.request(`${url}/v1/commands`, { method: "POST", headers: { authorization: "Bearer local" } });
    const taken = new Promise((resolve, reject) =>
      request.on("response", (response) => resolve(response.resume().statusCode)).on("error", reject),
    );
    await new Promise((resolve) => request.write(" ", resolve));
    expect((await get(`${url}/readyz`)).json).toEqual({ ready: true });
    const closed = collector.close();
    const response = await collector.fetch(new Request(`${url}/readyz`, { headers: { host: "localhost" } }));
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([503, "KM_COLLECTOR_CLOSING"]);
    request.end(record(somebody(), "x"));
    expect(await taken).toBe(200);
    await closed;
    agent.destroy();
    // Whom it can no longer keep anything for may send it again.
    const late = await collector.fetch(new Request(`${url}/e?_k=local&_p=late&_n=x`, { headers: { host: "localhost" } }));
    expect([late.status, late.headers.get("content-type")]).toEqual([503, "image/gif"]);
  });
});

describe("the status of a store that takes long to count", () => {
  it("counts once for all who ask, and not anew at once when more has come", async () => {
    await open();
    counting = 500;
    counted = 0;
    await post(url, record("x", "one"));
    await get(`${url}/v1/people/x`);
    const all = await Promise.all(Array.from({ length: 10 }, () => get(`${url}/v1/status`)));
    expect(all.map(({ json }) => json.stored)).toEqual(all.map(() => 1));
    await post(url, record("x", "two"));
    await get(`${url}/v1/people/x`);
    expect((await get(`${url}/v1/status`)).json).toMatchObject({ waiting: 0, stored: 1, counted: all[0]?.json.counted });
    expect(counted).toBe(1);
  });
});

describe("a classic call", () => {
  it("does the same by the fetch function as by the socket", async () => {
    await open();
    const calls = [
      "/e?_k=local&_p=WHO&_n=Signed+Up&Plan=Pro&__proto__=5&_t=1760000000&_d=1",
      "/s?_k=local&_p=WHO&Tier=Gold%2C&_t=1760000001&_d=1",
      "/a?_k=local&_p=WHO&_n=WHO.de",
      "/e?_k=wrong&_p=WHO&_n=x",
      "/e?_k=local&_n=x",
      "/e",
      `/s?${"&".repeat(2000)}`,
    ];
    const seen: unknown[] = [];
    let rejected: Record<string, number> = {};
    for (const way of ["socket", "fetch"]) {
      const who = `${way}@shop.example`;
      for (const call of calls) {
        const address = `${url}${call.replaceAll("WHO", who)}`;
        const response = await (way === "socket"
          ? fetch(address)
          : collector.fetch(new Request(address, { headers: { host: "localhost" } })));
        expect([response.status, response.headers.get("content-type"), response.headers.get("cache-control")]).toEqual([
          200,
          "image/gif",
          "no-store",
        ]);
        expect(Buffer.from(await response.arrayBuffer()).toString("latin1")).toMatch(/^GIF89a/);
      }
      const { events, properties } = (await get(`${url}/v1/people/${who}`)).json;
      const status = (await get(`${url}/v1/status`)).json.rejected as Record<string, number>;
      const more = Object.fromEntries(Object.entries(status).map(([code, count]) => [code, count - (rejected[code] ?? 0)]));
      rejected = status;
      seen.push({ more, properties, events: events.map(({ name, time, properties: own }: Record<string, unknown>) => [name, time, own]) });
    }
    expect(seen[0]).toEqual(seen[1]);
    expect(Object.keys(rejected).sort()).toEqual(["KM_IDENTITY_EMPTY", "KM_KEY_REFUSED", "KM_PROPERTIES_TOO_MANY"]);
  });
});
