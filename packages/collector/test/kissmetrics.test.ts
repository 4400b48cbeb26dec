import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, request as forward } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clientLimits, createOutbox, KmError, memoryStorage, parseCommand } from "@kmkit/core";
import { kissmetricsTransport } from "@kmkit/node";
import { startChild } from "@kmkit/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { ndjson, post, type Running, runCollector } from "./collector-fixture.ts";

let running: Running;
let url: string;
beforeAll(async () => {
  running = await runCollector({
    keys: [
      { key: "key-of-classic", product: "classic", kind: "server" },
      { key: "key-of-modern", product: "modern", kind: "server" },
    ],
    admin: "admin-token",
  });
  url = running.url;
});
afterAll(() => running.end());

const reader = { authorization: "Bearer admin-token" };

/** What a product has of these identities, as lines of KISSmetrics' export (times in seconds), sorted. */
async function exported(product: string, of: string): Promise<string[]> {
  const text = await (await fetch(`${url}/v1/export?product=${product}`, { headers: reader })).text();
  return text
    .split("\n")
    .filter((line) => line.includes(of))
    .map((line) => JSON.stringify(Object.entries(JSON.parse(line)).sort(([a], [b]) => (a < b ? -1 : 1))))
    .sort();
}

async function people(product: string, identity: string): Promise<string[]> {
  const answer = await fetch(`${url}/v1/people/${encodeURIComponent(identity)}?product=${product}`, { headers: reader });
  const { identities = [] } = (await answer.json()) as { identities?: { identity: string }[] };
  return identities.map((one) => one.identity).sort();
}

/** Sends lines by the classic protocol, as a client does. */
async function sendClassically(lines: readonly string[]): Promise<void> {
  const errors: KmError[] = [];
  const limits = { ...clientLimits, gather: 0 };
  const transport = kissmetricsTransport({ key: "key-of-classic", url });
  const outbox = createOutbox(memoryStorage(), transport, limits, (error) => errors.push(error));
  await outbox.put(lines);
  expect(await outbox.flush(20_000)).toEqual({ sent: lines.length, kept: 0, dropped: 0 });
  expect(errors).toEqual([]);
}

describe("what comes by the kissmetrics transport is what comes by /v1/commands, to the second", () => {
  // U+FFFD in an identity is what decoding leaves of bytes that are no text, so the classic door refuses it.
  const text = (most: number) => fc.string({ unit: "grapheme", minLength: 1, maxLength: most }).filter((one) => !one.includes("\ufffd"));
  const names = fc.oneof(text(20), text(255), fc.constantFrom("a&_p=x", "a=b", "%5Fp", "100%", "+", "__proto__", " a  b ", "ключ", "_x"));
  const value = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom("", " 1 ", "true", "1e3", "a\r\nb\0", "🙂".repeat(600), "y".repeat(8192)),
  );
  const properties = fc.dictionary(names, value, { minKeys: 1, maxKeys: 6 });
  const who = fc.nat(4);
  const act = fc.oneof(
    { weight: 4, arbitrary: fc.record({ type: fc.constant("record"), who, name: names, properties }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("set"), who, properties }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("alias"), who, other: who }).filter((one) => one.who !== one.other) },
  );
  const history = fc.record({
    stems: fc.array(text(30), { minLength: 5, maxLength: 5 }),
    acts: fc.array(act, { maxLength: 25, size: "max" }),
  });
  const histories = fc.array(history, { minLength: 6, maxLength: 6 });

  it("people, names, values, times", async () => {
    let second = 1_700_000_000;
    let run = 0;
    await fc.assert(
      fc.asyncProperty(histories, async (all) => {
        run += 1;
        const marks = all.map(({ stems }, at) => stems.map((stem, n) => `${stem}#${run}.${at}.${n}#`));
        const commands = all.flatMap(({ acts }, at) =>
          acts.map(({ who: by, ...rest }) => ({
            ...rest,
            ...("other" in rest ? { alias: marks[at]?.[rest.other] } : {}),
            id: randomUUID(),
            // Nothing is done twice within a second: that is one thing to KISSmetrics.
            time: ++second * 1000 + (second % 1000),
            identity: marks[at]?.[by],
          })),
        );
        const lines = commands.filter((command) => !(parseCommand(command) instanceof KmError)).map((command) => JSON.stringify(command));
        await sendClassically(lines);
        const told = await post(url, ndjson(...lines), { authorization: "Bearer key-of-modern" });
        expect(told.json).toEqual({ accepted: lines.length, rejected: [] });
        expect(await exported("classic", `#${run}.`)).toEqual(await exported("modern", `#${run}.`));
        for (const [first = ""] of marks) expect(await people("classic", first)).toEqual(await people("modern", first));
      }),
      { numRuns: 2 },
    );
    expect(running.errors).toEqual([]);
  });
});

/** Stands between a client and the collector, and does something at a certain call; its answer is late by some ms. */
async function startBetween(at: number, work: (answer: () => void) => void, late: number) {
  let count = 0;
  const server = createServer((request, response) => {
    count += 1;
    const mine = count;
    const onwards = forward(`${url}${request.url}`, { method: request.method ?? "GET", headers: request.headers }, (taken) => {
      const chunks: Buffer[] = [];
      const answer = () => void response.writeHead(taken.statusCode ?? 0, { "content-type": "image/gif" }).end(Buffer.concat(chunks));
      taken.on("data", (chunk) => chunks.push(chunk));
      taken.on("end", () => (mine === at ? work(answer) : setTimeout(answer, late)));
    });
    request.pipe(onwards);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls: () => count };
}

describe("an app that ends while it sends", () => {
  const start = 1_710_000_000;
  const program = (outbox: string, receiver: string, more: string) => `
    import { createKm, kissmetricsTransport } from "@kmkit/node";
    const client = createKm({
      outbox: ${JSON.stringify(outbox)},
      transport: kissmetricsTransport({ key: "key-of-classic", url: ${JSON.stringify(receiver)} }),
    });
    ${more}`;

  it.each(["SIGKILL", "SIGTERM"] as const)(
    "by %s loses nothing, and what it sends again at its next start is stored once",
    async (signal) => {
      const outbox = mkdtempSync(join(tmpdir(), "kmkit-kissmetrics-"));
      onTestFinished(() => rmSync(outbox, { recursive: true, force: true }));
      const cwd = join(import.meta.dirname, "..");
      let told = 0;
      // The killed one does not learn any more that its command was taken; the other one is told to end in the midst of more than it can send until then.
      const end = (answer: () => void) => {
        told = performance.now();
        child.process.kill(signal);
        if (signal === "SIGTERM") answer();
      };
      const between = await startBetween(60, end, signal === "SIGTERM" ? 20 : 0);
      const work = `
      for (let n = 0; n < 200; n += 1) {
        const km = client.as("${signal}-" + (n % 5));
        if (n % 10 === 9) km.set({ Count: n });
        else km.record("Paid", { Amount: n }, { time: ${start} + n });
      }
      for (let n = 1; n < 3; n += 1) client.as("${signal}-0").alias("${signal}-" + n);
      setInterval(() => {}, 1000);`;
      const child = startChild(program(outbox, between.url, work), { cwd });
      expect(await child.ended).toEqual({ code: null, signal });
      expect(performance.now() - told).toBeLessThan(5000);
      const sent = between.calls();
      expect(sent).toBeGreaterThanOrEqual(60);
      expect(sent).toBeLessThan(202);
      const next = startChild(program(outbox, between.url, `console.log("flushed", JSON.stringify(await client.close(25_000)));`), { cwd });
      expect(JSON.parse(await next.line("flushed"))).toMatchObject({ kept: 0, dropped: 0 });
      expect(await next.ended).toEqual({ code: 0, signal: null });
      expect(next.output.error).toBe("");
      // Some did come twice.
      expect(between.calls()).toBeGreaterThan(202);
      const lines = (await exported("classic", `"${signal}-`)).map((line) => Object.fromEntries(JSON.parse(line)));
      const times = lines.filter((line) => line._n === "Paid").map((line) => [line._t - start, line.Amount]);
      const paid = Array.from({ length: 200 }, (_, n) => n).filter((n) => n % 10 !== 9);
      expect(times.sort(([a], [b]) => a - b)).toEqual(paid.map((n) => [n, n]));
      expect(lines.flatMap((line) => line.Count ?? []).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => 10 * n + 9));
      expect(await people("classic", `${signal}-0`)).toEqual(Array.from({ length: 3 }, (_, n) => `${signal}-${n}`));
    },
  );
});
