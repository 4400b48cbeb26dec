import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clientLimits, createOutbox, createReporter, type KmError, type Transport } from "@kmkit/core";
import { type Receiver, startChild, startReceiver } from "@kmkit/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createKm, deadLetters, fileStorage } from "../src/index.ts";
import { Lease } from "../src/outbox/lease.ts";
import { newOwner } from "../src/outbox/owner.ts";

const cwd = import.meta.dirname;
let receiver: Receiver;
let directory: string;
const errors: KmError[] = [];
const options = (more: object = {}) => ({
  url: receiver.url,
  key: "k",
  outbox: directory,
  onError: (error: KmError) => void errors.push(error),
  ...more,
});
const names = () => receiver.commands.map(({ name }) => name);
const codes = () => errors.map(({ code }) => code);

beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(() => receiver.close());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kmkit-outbox-"));
  rmSync(directory, { recursive: true });
  errors.length = 0;
  receiver.mode("accept");
  receiver.clear();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("the durable outbox", () => {
  it("keeps commands on disk, sends them in order, and hands them over once", async () => {
    const client = createKm(options());
    for (let n = 0; n < 1200; n += 1) client.as("bob").record(`E${n}`);
    expect(await client.close()).toEqual({ sent: 1200, kept: 0, dropped: 0 });
    expect(names()).toEqual(Array.from({ length: 1200 }, (_, n) => `E${n}`));
    expect(readdirSync(directory)).toContain(".gitignore");
    // Other users of the machine cannot read what visitors did.
    expect(statSync(directory).mode & 0o077).toBe(0);
    receiver.mode("status:503");
    const later = createKm(options());
    later.as("bob").record("Kept");
    await later.close(50);
    const files = readdirSync(directory).filter((name) => name.endsWith(".ndjson"));
    expect(files).toHaveLength(1);
    for (const name of files) expect(statSync(join(directory, name)).mode & 0o077).toBe(0);
  });

  it("creates no directory until the first command", async () => {
    const client = createKm(options());
    await client.close();
    expect(existsSync(directory)).toBe(false);
  });

  it("what an earlier process left is sent when the next one starts, without a new command", async () => {
    receiver.mode("status:503");
    const first = createKm(options());
    first.as("bob").record("Left");
    expect(await first.close(50)).toMatchObject({ kept: 1 });
    receiver.mode("accept");
    const second = createKm(options());
    await vi.waitFor(() => expect(names()).toEqual(["Left"]));
    await second.flush();
    expect(second.stats()).toMatchObject({ recorded: 0, found: 1, sent: 1, kept: 0 });
    await second.close();
  });

  it("a flush at the very start of a process waits for what an earlier one has left", async () => {
    receiver.mode("status:503");
    const first = createKm(options());
    first.as("bob").record("Left");
    await first.close(50);
    receiver.mode("accept");
    const second = createKm(options());
    expect(await second.flush()).toEqual({ sent: 1, kept: 0, dropped: 0 });
    await second.close();
  });

  it("a wrong key keeps everything, says so once, and nothing is lost when it is put right", async () => {
    receiver.mode("status:401");
    const wrong = createKm(options());
    wrong.as("bob").record("Kept");
    await wrong.flush(100);
    await wrong.close(50);
    expect(codes()).toEqual(["KM_KEY_REFUSED"]);
    receiver.mode("accept");
    const right = createKm(options({ key: "right" }));
    await vi.waitFor(() => expect(names()).toEqual(["Kept"]));
    await right.close();
  });

  it("halves a batch that is too large, and sets aside what is refused for good", async () => {
    receiver.mode("too-large:10");
    const client = createKm(options());
    for (let n = 0; n < 100; n += 1) client.as("bob").record(`E${n}`);
    expect(await client.flush()).toMatchObject({ sent: 100 });
    receiver.mode("partial:KM_NAME_EMPTY");
    client.as("bob").record("Bad");
    client.as("bob").record("Good");
    expect(await client.close()).toEqual({ sent: 1, kept: 0, dropped: 1 });
    expect(names().slice(100)).toEqual(["Good"]);
    expect(client.stats().refused).toEqual({ KM_NAME_EMPTY: 1 });
  });

  it("a lost reply makes copies on the wire with the same ids, so that they count once", async () => {
    receiver.mode("lost-reply");
    const client = createKm(options());
    client.as("bob").record("Once");
    await vi.waitFor(() => expect(receiver.commands.length).toBeGreaterThan(0));
    receiver.mode("accept");
    expect(await client.close()).toMatchObject({ kept: 0 });
    expect(new Set(receiver.commands.map(({ id }) => id)).size).toBe(1);
  });

  it("is bounded: beyond maxBytes the newest are refused, counted and reported", async () => {
    receiver.mode("status:503");
    const client = createKm(options({ maxBytes: 2000 }));
    for (let n = 0; n < 50; n += 1) client.as(`user ${n}`).record("E");
    await client.flush(20);
    const { recorded, kept, refused } = client.stats();
    expect(recorded).toBe(50);
    expect(kept + (refused.KM_OUTBOX_FULL ?? 0)).toBe(50);
    expect(kept).toBeGreaterThan(5);
    expect(codes()).toContain("KM_OUTBOX_FULL");
    await client.close(20);
  });

  it("where the directory cannot be made the memory takes over and says so once", async () => {
    writeFileSync(directory, "a file in the way");
    const client = createKm(options());
    client.as("bob").record("One");
    await client.flush();
    client.as("bob").record("Two");
    expect(await client.close()).toMatchObject({ kept: 0 });
    expect(names()).toEqual(["One", "Two"]);
    expect(codes()).toEqual(["KM_OUTBOX_MEMORY"]);
    expect(client.stats().durable).toBe(false);
  });

  it.each([
    ["noise", () => Buffer.alloc(16_384, "noise"), 0],
    ["a few bytes", () => Buffer.from("x"), 0],
    ["nothing", () => Buffer.alloc(0), 0],
    ["a file that was cut off", (whole: Buffer) => whole.subarray(0, whole.length - 200), 298],
    [
      "a file with noise in its middle",
      (whole: Buffer) => Buffer.concat([whole.subarray(0, 290), Buffer.alloc(50, 0xff), whole.subarray(340)]),
      299,
    ],
  ])("%s in place of a file of the outbox costs the broken lines alone, and the app goes on", async (_, spoil, left) => {
    receiver.mode("status:503");
    const before = createKm(options());
    for (let n = 0; n < 300; n += 1) before.as("bob").record(`E${String(n).padStart(3, "0")}`);
    await before.flush(50);
    await before.close(50);
    const [name = ""] = readdirSync(directory).filter((one) => one.endsWith(".ndjson"));
    writeFileSync(join(directory, name), spoil(readFileSync(join(directory, name))));
    receiver.mode("accept");
    errors.length = 0;
    const client = createKm(options());
    client.as("bob").record("On");
    expect(await client.close()).toMatchObject({ sent: left + 1, kept: 0 });
    expect(codes()).toEqual(["KM_OUTBOX_BROKEN"]);
    expect(client.stats()).toMatchObject({ recorded: 1, found: 300, sent: left + 1, refused: { KM_OUTBOX_BROKEN: 300 - left }, kept: 0 });
    expect(new Set(names()).size).toBe(left + 1);
  });

  it("what a spoilt file has lost is counted once, though two read it at the same time", async () => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "01760000000000-00000001-0123456789ab.5-2000-1.ndjson"), Buffer.alloc(2000, "noise"));
    const storage = fileStorage(directory, createReporter({ development: false, print: () => {} }), { ...clientLimits, spare: 0 });
    const lost: number[] = [];
    storage.watch({ found: () => {}, lost: (count) => void lost.push(count) });
    await storage.ready();
    expect(storage.waiting()).toMatchObject({ commands: 5, bytes: 2000 });
    await Promise.all([storage.head(1, 1), storage.head(1, 1)]);
    expect(storage.waiting()).toMatchObject({ commands: 0, bytes: 0 });
    expect(lost).toEqual([5]);
    await storage.close();
  });

  it("a command that is never taken, alone in the first of its files, is set aside, and what is in those behind it goes on", async () => {
    const limits = { ...clientLimits, linger: 1, patience: 0 };
    const reporter = createReporter({ development: false, print: () => {}, onError: (error) => void errors.push(error) });
    const storage = fileStorage(directory, reporter, { ...limits, spare: 0 });
    const taken: string[] = [];
    const transport: Transport = async ({ lines }) => {
      if (lines.includes("0")) return { type: "retry", code: "KM_KEY_REFUSED", after: 1, detail: "status 403" };
      taken.push(...lines);
      return { type: "accepted" };
    };
    const outbox = createOutbox(storage, transport, limits, reporter.report);
    await outbox.put(["0"]);
    // The next one is full by itself.
    const others = Array.from({ length: 1000 }, (_, n) => String(n + 1));
    await outbox.put(others.slice(0, 500));
    await outbox.put(others.slice(500));
    await vi.waitFor(() => expect(outbox.stats()).toMatchObject({ sent: 1000, kept: 0, refused: { KM_REJECTED: 1 } }), 10_000);
    expect(new Set(taken)).toEqual(new Set(others));
    expect(codes()).toEqual(["KM_KEY_REFUSED", "KM_REJECTED"]);
    await outbox.close();
    expect(await deadLetters(directory)).toMatchObject([
      { line: "0", code: "KM_REJECTED", detail: "others are taken, this one never: KM_KEY_REFUSED status 403" },
    ]);
  });

  it("one sender at a time: a second process waits, and takes over at once when the first is killed", async () => {
    const holder = startChild(
      `import { fileStorage } from "../dist/index.js";
       const storage = fileStorage(process.env.DIRECTORY, { report: console.error, hint() {} }, { batchCommands: 500, batchBytes: 1e5, spare: 0 });
       await storage.put({ bytes: Buffer.from("{}\\n"), count: 1 });
       console.log("lease", await storage.lease());
       setInterval(() => {}, 1000);`,
      { cwd, env: { DIRECTORY: directory } },
    );
    expect(await holder.line("lease")).toBe("true");
    const storage = fileStorage(directory, createReporter({ development: false, print: () => {} }), { ...clientLimits, spare: 0 });
    expect(await storage.lease()).toBe(false);
    holder.process.kill("SIGKILL");
    await holder.ended;
    expect(await storage.lease()).toBe(true);
    expect(await storage.head(10, 1000)).toHaveLength(1);
    await storage.release();
    await storage.close();
  });

  it("a sender whose turn has come again knows that others have sent in between: what is gone was not deleted", async () => {
    const [a, b] = [new Lease(directory, newOwner()), new Lease(directory, newOwner())];
    const takes = (lease: Lease) => vi.waitFor(async () => expect(await lease.take()).toBe(true));
    await takes(a);
    expect(await a.hasPassed(performance.now())).toBe(false);
    await a.release();
    await takes(b);
    expect(await a.hasPassed(performance.now())).toBe(true);
    await b.release();
    const before = performance.now();
    await takes(a);
    // A listing from before its turn may still show what b has sent since: it settles nothing.
    expect(await a.hasPassed(before)).toBe(true);
    expect(await a.hasPassed(performance.now())).toBe(true);
    expect(await a.hasPassed(performance.now())).toBe(false);
    await a.release();
    await takes(a);
    expect(await a.hasPassed(performance.now())).toBe(false);
  });

  it("four processes share a directory: each command is sent once, and what a killed one left is sent by another", async () => {
    const source = `import { createKm } from "../dist/index.js";
      const client = createKm({ url: process.env.URL, key: "k", outbox: process.env.DIRECTORY });
      for (let n = 0; n < 250; n += 1) { client.as("p" + process.env.N).record("E" + process.env.N + "." + n); if (n % 10 === 0) await new Promise(setImmediate); }
      await client.flush(1); // waits for the disk, whatever the receiver does
      console.log("recorded"); setInterval(() => {}, 1000);`;
    receiver.mode("slow:5");
    const children = [0, 1, 2, 3].map((n) => startChild(source, { cwd, env: { URL: receiver.url, DIRECTORY: directory, N: String(n) } }));
    await children[0]?.line("recorded");
    children[0]?.process.kill("SIGKILL");
    await Promise.all(children.slice(1).map((child) => child.line("recorded")));
    await vi.waitFor(() => expect(new Set(names()).size).toBe(1000), { timeout: 15_000 });
    for (const child of children) {
      expect(child.output.error).toBe("");
      child.process.kill("SIGKILL");
    }
    await Promise.all(children.map((child) => child.ended));
  });
});

describe("one client a process", () => {
  it("the same url, key and outbox give the same client; it can be made anew after a close", async () => {
    const client = createKm(options());
    expect(createKm(options())).toBe(client);
    await client.close();
    const next = createKm(options());
    expect(next).not.toBe(client);
    await next.close();
  });

  it("refuses to mix two products in one directory", async () => {
    const client = createKm(options());
    expect(() => createKm(options({ key: "other" }))).toThrowError(expect.objectContaining({ code: "KM_OUTBOX_SHARED" }));
    await client.close();
  });
});
