import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  clientLimits,
  createOutbox,
  type DeadLetter,
  type KmError,
  memoryStorage,
  kissmetricsTransport as overFetch,
  type Transport,
} from "@kmkit/core";
import { type Receiver, startChild, startReceiver } from "@kmkit/testkit";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { createKm, kissmetricsTransport, kissmetricsTransport as overHttp } from "../src/index.ts";

const time = Date.UTC(2026, 0, 31, 12, 0, 0, 789);
const patience = { timeout: 5000, interval: 5 };
let minted = 0;
const common = (identity: string) => ({
  id: `0199f0c0-8c1e-7a3b-9d53-${String(++minted).padStart(12, "0")}`,
  time: time + minted * 1000,
  identity,
});
const record = (identity: string, name: string, properties: object = {}) =>
  JSON.stringify({ ...common(identity), type: "record", name, properties });
const alias = (identity: string, other: string) => JSON.stringify({ ...common(identity), type: "alias", alias: other });

/** An outbox in memory over a transport, and what it reported and set aside. */
function outboxOn(transport: Transport, limits: Partial<typeof clientLimits> = {}) {
  const errors: KmError[] = [];
  const letters: DeadLetter[] = [];
  const storage = memoryStorage();
  storage.setAside = async (more) => void letters.push(...more);
  const outbox = createOutbox(storage, transport, { ...clientLimits, gather: 0, linger: 1, ...limits }, (error) => errors.push(error));
  const codes = () => errors.map(({ code }) => code);
  return { outbox, errors, codes, letters };
}

/** One command is put, and must wait; gives what is reported. */
async function expectWaits(transport: Transport): Promise<string[]> {
  const { outbox, codes } = outboxOn(transport);
  await outbox.put([record("bob", "A")]);
  await vi.waitFor(() => expect(codes()).toHaveLength(1), patience);
  expect(outbox.stats()).toMatchObject({ sent: 0, kept: 1, refused: {} });
  return codes();
}

/** One classic call that waits for its answer. */
interface Waiting {
  readonly identity: string;
  readonly name: string;
  /** Which of the commands that were made here it is. */
  readonly second: number;
  answer(status?: number, headers?: Record<string, string>, body?: string): void;
  /** Whether its connection is. */
  closed(): boolean;
}

/** A receiver whose every answer is in the test's hand. */
async function startHolding(arrived: (call: Waiting, all: readonly Waiting[]) => void = () => {}) {
  const all: Waiting[] = [];
  const open = new Set<Waiting>();
  let most = 0;
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const parameters = new URL(request.url ?? "", "http://x").searchParams;
    const call: Waiting = {
      identity: parameters.get("_p") ?? "",
      name: parameters.get("_n") ?? "",
      second: Number(parameters.get("_t")) - Math.floor(time / 1000),
      answer: (status = 200, headers = {}, body = "GIF89a") => {
        open.delete(call);
        response.writeHead(status, headers).end(body);
      },
      closed: () => request.socket.closed,
    };
    all.push(call);
    open.add(call);
    most = Math.max(most, open.size);
    arrived(call, all);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    all,
    open,
    most: () => most,
    names: () => all.map(({ name }) => name),
    find: (name: string) => all.find((call) => call.name === name) as Waiting,
  };
}

const ways = [
  ["over node:http", (url: string) => overHttp({ key: "KEY", url })],
  ["over fetch", (url: string) => overFetch({ key: "KEY", url })],
] as const;

/** What became of commands of so many people at a receiver that takes 100 ms a reply. It takes seconds, and is begun before all else. */
async function sendSlowly(people: number, count: number) {
  const slow = await startReceiver();
  slow.mode("slow:100");
  const { outbox, codes } = outboxOn(overHttp({ key: "KEY", url: slow.url }));
  await outbox.put(Array.from({ length: count }, (_, n) => record(`p${n % people}`, `E${n}`)));
  const flushed = await outbox.flush(60_000);
  await slow.close();
  return { flushed, names: slow.commands.map(({ name }) => name), codes: codes() };
}
const slow = [sendSlowly(1, 105), sendSlowly(400, 440)] as const;

describe.each(ways)("a kissmetrics transport %s", (_, transportTo) => {
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await startReceiver();
  });
  afterAll(() => receiver.close());
  beforeEach(() => {
    receiver.mode("accept");
    receiver.clear();
  });

  it("makes one call a command: GET, with what it says in the address", async () => {
    const { outbox } = outboxOn(transportTo(`${receiver.url}/`));
    const start = minted;
    await outbox.put([
      record("bob@bob.com", "Signed Up", { Plan: "Pro +1", Trial: true, Amount: 9.5 }),
      JSON.stringify({ ...common("bob@bob.com"), type: "set", properties: { Gender: "männlich" } }),
      alias("bob@bob.com", "nbTo2Y6gBMjpu12wKz5pgPBeIXk="),
    ]);
    expect(await outbox.flush()).toEqual({ sent: 3, kept: 0, dropped: 0 });
    const second = Math.floor(time / 1000) + start;
    expect(receiver.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `GET /e?_k=KEY&_p=bob%40bob.com&_n=Signed%20Up&_t=${second + 1}&_d=1&Plan=Pro%20%2B1&Trial=true&Amount=9.5`,
      `GET /s?_k=KEY&_p=bob%40bob.com&_t=${second + 2}&_d=1&Gender=m%C3%A4nnlich`,
      `GET /a?_k=KEY&_p=bob%40bob.com&_n=nbTo2Y6gBMjpu12wKz5pgPBeIXk%3D&_t=${second + 3}&_d=1`,
    ]);
    expect(receiver.requests[0]?.headers).toMatchObject({ "user-agent": "kmkit" });
    expect(receiver.requests[0]?.headers).not.toHaveProperty("content-length");
  });

  it("posts a form where the address would exceed 2,048 characters, and not a character earlier", async () => {
    const { outbox } = outboxOn(transportTo(receiver.url));
    const line = (long: number) =>
      JSON.stringify({ id: common("").id, time, identity: "bob", type: "set", properties: { x: "y".repeat(long) } });
    await outbox.put([line(1)]);
    await outbox.flush();
    const room = 2048 - (receiver.url.length + (receiver.requests[0]?.path.length as number) - 1);
    await outbox.put([line(room), line(room + 1)]);
    await outbox.flush();
    const [, get, posted] = receiver.requests;
    expect(get).toMatchObject({ method: "GET", text: "" });
    expect(`${receiver.url}${get?.path}`).toHaveLength(2048);
    expect(posted).toMatchObject({ method: "POST", path: "/s", headers: { "content-type": "application/x-www-form-urlencoded" } });
    expect(posted?.text).toBe(`_k=KEY&_p=bob&_t=${Math.floor(time / 1000)}&_d=1&x=${"y".repeat(room + 1)}`);
  });

  it("tries again after a fault of the receiver, and heeds Retry-After", async () => {
    const { outbox, codes } = outboxOn(transportTo(receiver.url));
    receiver.mode("retry-after:1");
    const lines = Array.from({ length: 20 }, (_, n) => record(`p${n}`, `E${n}`));
    await outbox.put(lines);
    const before = performance.now();
    const flushed = outbox.flush();
    await vi.waitFor(() => expect(codes()).toEqual(["KM_COLLECTOR_BUSY"]), patience);
    const asked = receiver.requests.length;
    // Who asks to wait is not asked by everybody: only those are answered that were under way.
    expect(asked).toBeLessThanOrEqual(15);
    receiver.mode("accept");
    expect(await flushed).toEqual({ sent: 20, kept: 0, dropped: 0 });
    expect(performance.now() - before).toBeGreaterThan(990);
    expect(receiver.requests).toHaveLength(asked + 20);
  });

  it("where one is asked to wait all do", async () => {
    let first = true;
    const holding = await startHolding((call, all) => {
      if (!first) return call.answer();
      // When the connection is closed the client has read the answer.
      if (all.length === 8) void all[0]?.answer(429, { "retry-after": "1", connection: "close" });
      return undefined;
    });
    const { outbox, codes } = outboxOn(transportTo(holding.url));
    await outbox.put(Array.from({ length: 30 }, (_, n) => record(`p${n}`, `E${n}`)));
    const flushed = outbox.flush();
    await vi.waitFor(() => expect(holding.all[0]?.closed()).toBe(true), patience);
    for (const call of holding.all.slice(1)) call.answer();
    await vi.waitFor(() => expect(codes()).toEqual(["KM_COLLECTOR_BUSY"]), patience);
    expect(holding.all).toHaveLength(8);
    first = false;
    expect(await flushed).toEqual({ sent: 30, kept: 0, dropped: 0 });
    expect(holding.all).toHaveLength(31);
  });

  it.each(["reset", "lost-reply", "status:500"] as const)(
    "loses nothing while the receiver does %s, and does not run at it",
    async (mode) => {
      const { outbox, codes } = outboxOn(transportTo(receiver.url));
      receiver.mode(mode);
      await outbox.put(Array.from({ length: 100 }, (_, n) => record(`p${n}`, `E${n}`)));
      const flushed = outbox.flush(20_000);
      await vi.waitFor(() => expect(codes()).toHaveLength(1), patience);
      expect(receiver.requests.length).toBeLessThan(40);
      receiver.mode("accept");
      expect(await flushed).toEqual({ sent: 100, kept: 0, dropped: 0 });
      expect(new Set(receiver.commands.map(({ name }) => name)).size).toBe(100);
    },
  );

  it("waits where the receiver answers with a web page, another address or a refusal of the key; nothing counts as taken", async () => {
    const holding = await startHolding((call) => call.answer(302, { location: "http://127.0.0.1:1/" }));
    expect(await expectWaits(transportTo(holding.url))).toEqual(["KM_COLLECTOR_UNREACHABLE"]);
    receiver.mode("status:403");
    expect(await expectWaits(transportTo(receiver.url))).toEqual(["KM_KEY_REFUSED"]);
    const portal = await startHolding((call) => call.answer(200, { "content-type": "text/html" }, "<!doctype html>"));
    expect(await expectWaits(transportTo(portal.url))).toEqual(["KM_COLLECTOR_UNREACHABLE"]);
  });

  it("sets aside what the receiver refuses for good, alone, and tries it again if it is put again", async () => {
    const holding = await startHolding((call) => call.answer(call.name === "Bad" && holding.all.length < 5 ? 400 : 200));
    const { outbox, letters, codes } = outboxOn(transportTo(holding.url));
    const bad = record("bob", "Bad");
    await outbox.put([record("bob", "A"), bad, record("bob", "B"), "{no line}"]);
    expect(await outbox.flush()).toEqual({ sent: 2, kept: 0, dropped: 2 });
    expect(holding.names()).toEqual(["A", "Bad", "B"]);
    expect(letters.map(({ line, code, detail }) => [line, code, detail])).toEqual([
      ["{no line}", "KM_LINE_INVALID", expect.any(String)],
      [bad, "KM_REJECTED", "status 400"],
    ]);
    expect(codes()).toEqual(["KM_REJECTED"]);
    await outbox.put([record("bob", "C"), record("bob", "D"), bad]);
    expect(await outbox.flush()).toEqual({ sent: 3, kept: 0, dropped: 0 });
  });

  it("keeps each person's order and lets the others pass; an alias holds up both of its identities", async () => {
    const holding = await startHolding((call) => {
      if (call.identity !== "ann") call.answer();
    });
    const { outbox } = outboxOn(transportTo(holding.url), { batchCommands: 500 });
    await outbox.put([
      record("ann", "A1"),
      record("cat", "C1"),
      record("ann", "A2"),
      alias("ben", "ann"),
      record("ben", "B1"),
      record("dan", "D1"),
      record("cat", "C2"),
    ]);
    const flushed = outbox.flush();
    await vi.waitFor(() => expect(holding.names().sort()).toEqual(["A1", "C1", "C2", "D1"]), patience);
    holding.find("A1").answer();
    await vi.waitFor(() => expect(holding.names().at(-1)).toBe("A2"), patience);
    expect(holding.names()).toHaveLength(5);
    holding.find("A2").answer();
    await flushed;
    expect(holding.names().slice(4)).toEqual(["A2", "ann", "B1"]);
  });

  it("keeps each person's order in whatever order the receiver answers, and has as many calls under way as it can, up to eight", async () => {
    const step = fc.tuple(fc.nat(19), fc.oneof({ weight: 12, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(19) }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 50, size: "max" }),
        fc.infiniteStream(fc.nat(1000)),
        async (pairs, choices) => {
          const steps = pairs.map(([who, tied]) => {
            const line = tied === undefined ? record(`p${who}`, "E") : alias(`p${who}`, `p${tied}`);
            return { who, tied, line, second: minted };
          });
          const people = Array.from({ length: 20 }, (_, who) => who);
          for (const { who, tied } of steps) {
            const [from, to] = [people[tied ?? who], people[who] as number];
            for (const [at, person] of people.entries()) if (person === from) people[at] = to;
          }
          /** The commands of each person that are not answered. */
          const left = new Map<number, number[]>();
          for (const { who, second } of steps) left.set(people[who] as number, [...(left.get(people[who] as number) ?? []), second]);
          const wrong: unknown[] = [];
          // Nobody is answered before all are there that can be; then one of them, whichever.
          const holding = await startHolding((call) => {
            const mine = [...left.values()].find((seconds) => seconds.includes(call.second));
            if (mine?.[0] !== call.second) wrong.push([call.second, mine]);
            for (;;) {
              const waiting = [...holding.open];
              if (waiting.length > 8) wrong.push(waiting.length);
              if (waiting.length === 0 || waiting.length < Math.min(8, left.size)) return;
              const one = waiting[(choices.next().value as number) % waiting.length] as Waiting;
              for (const [person, seconds] of left) {
                if (seconds[0] !== one.second) continue;
                seconds.shift();
                if (seconds.length === 0) left.delete(person);
              }
              one.answer();
            }
          });
          const { outbox } = outboxOn(transportTo(holding.url));
          await outbox.put(steps.map(({ line }) => line));
          expect(await outbox.flush()).toEqual({ sent: steps.length, kept: 0, dropped: 0 });
          expect(wrong).toEqual([]);
          expect(holding.all).toHaveLength(steps.length);
        },
      ),
      { numRuns: 15 },
    );
  });

  it("after a fault of one person's call that person waits, the others' are done, and nothing that was taken is sent again", async () => {
    const holding = await startHolding((call) => {
      if (call.name !== "A1") call.answer();
      else if (holding.names().filter((name) => name === "A1").length === 1) call.answer(500);
    });
    const { outbox, codes } = outboxOn(transportTo(holding.url));
    const lines = Array.from({ length: 16 }, (_, n) => record(`p${n}`, `E${n}`));
    await outbox.put([record("ann", "A0"), record("ann", "A1"), record("ann", "A2"), ...lines]);
    const flushed = outbox.flush(20_000);
    await vi.waitFor(() => expect(holding.all).toHaveLength(19), patience);
    expect(codes()).toEqual(["KM_COLLECTOR_BUSY"]);
    expect(new Set(holding.names())).toEqual(new Set(["A0", "A1", ...Array.from({ length: 16 }, (_, n) => `E${n}`)]));
    holding.all[18]?.answer();
    expect(await flushed).toEqual({ sent: 19, kept: 0, dropped: 0 });
    expect(holding.names().slice(18)).toEqual(["A1", "A2"]);
  });

  it("makes progress where a batch takes longer than its time, and sends nothing twice but what was under way", async () => {
    receiver.mode("slow:100");
    const { outbox, codes } = outboxOn(transportTo(receiver.url), { timeout: 250 });
    await outbox.put(Array.from({ length: 6 }, (_, n) => record("ann", `A${n}`)));
    expect(await outbox.flush(20_000)).toEqual({ sent: 6, kept: 0, dropped: 0 });
    expect(codes()).toEqual(["KM_COLLECTOR_UNREACHABLE"]);
    const names = receiver.commands.map(({ name }) => name);
    expect(names.length).toBeLessThan(12);
    // Copies stand side by side: nothing of hers has overtaken anything.
    expect(names.filter((name, at) => name !== names[at - 1])).toEqual(Array.from({ length: 6 }, (_, n) => `A${n}`));
  });
});

describe("on Node", () => {
  let receiver: Receiver;
  let directory: string;
  beforeAll(async () => {
    receiver = await startReceiver();
  });
  afterAll(() => receiver.close());
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "kmkit-kissmetrics-"));
    receiver.mode("accept");
    receiver.clear();
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it("one key and url have one transport, so that a client is made once wherever it is asked for", () => {
    const options = { key: "a", url: receiver.url };
    expect(kissmetricsTransport(options)).toBe(kissmetricsTransport({ ...options }));
    expect(kissmetricsTransport(options)).not.toBe(kissmetricsTransport({ ...options, key: "b" }));
    const client = () => createKm({ outbox: directory, transport: kissmetricsTransport(options) });
    expect(client()).toBe(client());
    return client().close();
  });

  it("without a key, or with a url that is none, commands wait and it is said", async () => {
    for (const [options, code] of [
      [{ key: undefined }, "KM_KEY_REFUSED"],
      [{ key: "" }, "KM_KEY_REFUSED"],
      [{ key: "k", url: "trk.kissmetrics.io" }, "KM_URL_INVALID"],
    ] as const) {
      expect(await expectWaits(kissmetricsTransport(options))).toEqual([code]);
    }
  });

  it("a command whose form no receiver takes is set aside before it is lost unseen", async () => {
    const { outbox, letters } = outboxOn(kissmetricsTransport({ key: "k", url: receiver.url }));
    const long = Object.fromEntries(Array.from({ length: 4 }, (_, n) => [`P${n}`, "語".repeat(8000)]));
    await outbox.put([record("bob", "Long", long), record("bob", "Short")]);
    expect(await outbox.flush()).toEqual({ sent: 1, kept: 0, dropped: 1 });
    expect(letters.map(({ code }) => code)).toEqual(["KM_COMMAND_TOO_LARGE"]);
  });

  it("an app's property that is named as a parameter is reported to onError", async () => {
    const errors: string[] = [];
    const transport = kissmetricsTransport({ key: "k", url: receiver.url });
    const client = createKm({ outbox: directory, transport, onError: ({ message }) => errors.push(message) });
    client.as("bob").record("Paid", { _p: "eve", Plan: "Pro" });
    client.as("bob").record("Paid again", { _p: "eve" });
    await client.close();
    expect(receiver.commands).toMatchObject([{ identity: "bob", properties: { __p: "eve", Plan: "Pro" } }, { identity: "bob" }]);
    expect(errors).toEqual([expect.stringMatching(/parameter of its own.*_p goes out as __p/)]);
  });

  const program = (more: string) => `
    import { createKm, kissmetricsTransport } from "../dist/index.js";
    const client = createKm({ outbox: ${JSON.stringify(directory)}, transport: kissmetricsTransport({ key: "k", url: ${JSON.stringify(receiver.url)} }) });
    ${more}`;

  it("a script that does not wait ends by itself, also where the receiver hangs, and loses nothing", async () => {
    receiver.mode("hang");
    const child = startChild(program(`client.as("bob").record("A"); client.as("bob").record("B");`), { cwd: import.meta.dirname });
    const before = performance.now();
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - before).toBeLessThan(5000);
    expect(readdirSync(directory).filter((name) => name.endsWith(".ndjson"))).toHaveLength(1);
    receiver.mode("accept");
    receiver.clear();
    const second = startChild(program(`console.log("flushed", JSON.stringify(await client.close()));`), { cwd: import.meta.dirname });
    expect(await second.line("flushed")).toBe('{"sent":2,"kept":0,"dropped":0}');
    await second.ended;
    expect(receiver.commands.map(({ name }) => name)).toEqual(["A", "B"]);
  });
});

describe("a receiver that takes 100 ms a reply is no fault, and is sent nothing twice, where a batch takes longer than its time", () => {
  it("since all is one person's", async () => {
    const { flushed, names, codes } = await slow[0];
    expect([flushed, codes]).toEqual([{ sent: 105, kept: 0, dropped: 0 }, []]);
    expect(names).toEqual(Array.from({ length: 105 }, (_, n) => `E${n}`));
  });

  it("since there are many people", async () => {
    const { flushed, names, codes } = await slow[1];
    expect([flushed, codes]).toEqual([{ sent: 440, kept: 0, dropped: 0 }, []]);
    expect(new Set(names).size).toBe(440);
    expect(names).toHaveLength(440);
  });
});
