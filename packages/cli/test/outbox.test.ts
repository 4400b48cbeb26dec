import { mkdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { type Child, type Receiver, startChild, startReceiver } from "@kmkit/testkit";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { kmkit, temporary } from "./cli-fixture.ts";

const patient = { timeout: 20_000, interval: 100 };

async function receiving(): Promise<Receiver> {
  const receiver = await startReceiver();
  onTestFinished(() => receiver.close());
  return receiver;
}

/** An app whose client records what it is told to, a name a message, and says so when that is on disk. */
async function startApp(receiver: Receiver, directory: string): Promise<Child> {
  const app = startChild(
    `import { createKm } from "@kmkit/node";
     const client = createKm({ onError: () => {} });
     process.on("message", async (names) => {
       for (const name of names) client.as("bob@bob.com").record(name);
       await client.flush(50);
       console.log("recorded");
     });
     console.log("ready");`,
    { cwd: import.meta.dirname, env: { KMKIT_URL: receiver.url, KMKIT_KEY: "k", KMKIT_OUTBOX: directory } },
  );
  onTestFinished(async () => {
    app.process.kill("SIGKILL");
    await app.ended;
  });
  await app.line("ready");
  return app;
}

const shown = async (directory: string) => JSON.parse((await kmkit(["outbox", "--directory", directory, "--json"])).stdout);
const names = (receiver: Receiver) => receiver.commands.map(({ name }) => name);

describe("kmkit outbox", () => {
  it("shows what waits and why while the receiver is down, of a running process and of a dead one", async () => {
    const receiver = await receiving();
    const directory = join(await temporary(), "outbox");
    await receiver.down();
    const app = await startApp(receiver, directory);
    app.process.send(["One", "Two"]);
    await app.line("recorded");
    for (const alive of [true, false]) {
      if (!alive) app.process.kill("SIGKILL");
      if (!alive) await app.ended;
      await vi.waitFor(
        async () => expect(await shown(directory)).toMatchObject({ waiting: 2, fault: { code: "KM_COLLECTOR_UNREACHABLE" } }),
        patient,
      );
      const { waitingBytes, oldest, deadLetters, broken } = await shown(directory);
      expect(waitingBytes).toBeGreaterThan(100);
      expect(Math.abs(Date.now() - oldest)).toBeLessThan(60_000);
      expect([deadLetters, broken]).toEqual([0, 0]);
      const { code, stdout, stderr } = await kmkit(["outbox"], { env: { KMKIT_OUTBOX: directory } });
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/^Waiting +2 commands, [\d,]+ bytes$/m);
      expect(stdout).toMatch(/^Oldest +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, \d+ seconds? ago$/m);
      expect(stdout).toMatch(/^Last error +\S+ \S+ {2}KM_COLLECTOR_UNREACHABLE/m);
      expect(stdout).toMatch(/^Dead letters +none$/m);
    }
    expect((await shown(directory)).sender).toBeUndefined();
    // The next process sends it, and no error is left that the one before has noted.
    await receiver.up();
    await startApp(receiver, directory);
    await vi.waitFor(async () => expect(await shown(directory)).toMatchObject({ waiting: 0 }), patient);
    expect(names(receiver)).toEqual(["One", "Two"]);
    await vi.waitFor(async () => expect((await shown(directory)).fault).toBeUndefined(), patient);
  });

  it("says which process sends", async () => {
    const receiver = await receiving();
    receiver.mode("hang");
    const directory = join(await temporary(), "outbox");
    const app = await startApp(receiver, directory);
    app.process.send(["Slow"]);
    await vi.waitFor(async () => expect((await shown(directory)).sender).toEqual({ pid: app.process.pid, host: hostname() }), patient);
  });

  it("prints dead letters, sends them again once the receiver takes them, by the process that runs, and once each", async () => {
    const receiver = await receiving();
    receiver.mode("partial:KM_NAME_EMPTY");
    const directory = join(await temporary(), "outbox");
    const app = await startApp(receiver, directory);
    app.process.send(["Refused", "Taken"]);
    await vi.waitFor(async () => expect(await shown(directory)).toMatchObject({ deadLetters: 1 }), patient);
    expect(await shown(directory)).toMatchObject({ waiting: 0, deadLettersByCode: { KM_NAME_EMPTY: 1 } });
    const words = ["outbox", "letters", "--directory", directory];
    const { code, stdout } = await kmkit(words);
    expect(code).toBe(0);
    expect(stdout).toContain("KM_NAME_EMPTY: refused by the test");
    expect(stdout).toContain("Refused");
    const [letter] = (await kmkit([...words, "--json"])).stdout.trim().split("\n");
    expect(JSON.parse(letter as string)).toMatchObject({ code: "KM_NAME_EMPTY", detail: "refused by the test", time: expect.any(Number) });

    receiver.mode("accept");
    const again = await kmkit(["outbox", "retry", "--directory", directory]);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/^1 command will be sent again; /) });
    await vi.waitFor(() => expect(names(receiver)).toEqual(["Taken", "Refused"]), patient);
    await vi.waitFor(async () => expect(await shown(directory)).toMatchObject({ waiting: 0, deadLetters: 0 }), patient);
    expect((await kmkit(["outbox", "retry", "--directory", directory])).stdout).toBe("0 commands will be sent again\n");
    expect((await kmkit(words)).stdout).toBe("No dead letters\n");
  });

  it("takes up the letters of a retry that was killed, in parts of 500, and sets damaged lines aside", async () => {
    const receiver = await receiving();
    const directory = join(await temporary(), "outbox");
    await mkdir(join(directory, "sender"), { recursive: true });
    const letter = (n: number) => {
      const line = JSON.stringify({ id: crypto.randomUUID(), type: "record", time: Date.now(), identity: "bob", name: `E${n}` });
      return JSON.stringify({ line, code: "KM_NAME_EMPTY", detail: "\u001b[31mred", time: n });
    };
    // Process 1 was at work under another clock's time: long ago.
    const left = `letters-${"1".padStart(14, "0")}-00000001-0123456789ab.61-1-1.open`;
    await writeFile(join(directory, left), `${letter(0)}\n`);
    const rest = Array.from({ length: 1000 }, (_, n) => letter(n + 1));
    await writeFile(join(directory, "letters.ndjson"), `${rest.join("\n")}\n{"line":"cut`);
    expect(await shown(directory)).toMatchObject({ deadLetters: 1001, waiting: 0 });
    // What a receiver answered cannot colour the terminal.
    const printed = await kmkit(["outbox", "letters", "--directory", directory]);
    expect(printed.stdout).toContain("KM_NAME_EMPTY: ?[31mred");
    expect(printed.stdout).not.toContain("\u001b");
    const { stdout } = await kmkit(["outbox", "retry", "--directory", directory]);
    expect(stdout).toMatch(/^1,001 commands will be sent again/);
    expect(await shown(directory)).toMatchObject({ deadLetters: 0, waiting: 1001, broken: 12 + 1 });
    await startApp(receiver, directory);
    await vi.waitFor(() => expect(receiver.commands).toHaveLength(1001), patient);
    expect(new Set(names(receiver)).size).toBe(1001);
    expect(Math.max(...receiver.requests.map(({ commands }) => commands.length))).toBeLessThanOrEqual(500);
  });

  it("deletes dead letters", async () => {
    const receiver = await receiving();
    receiver.mode("partial:KM_NAME_EMPTY");
    const directory = join(await temporary(), "outbox");
    const app = await startApp(receiver, directory);
    app.process.send(["Refused"]);
    await vi.waitFor(async () => expect(await shown(directory)).toMatchObject({ deadLetters: 1 }), patient);
    expect(await kmkit(["outbox", "clear", "--directory", directory])).toMatchObject({ code: 0, stdout: "1 dead letter deleted\n" });
    expect(await shown(directory)).toMatchObject({ deadLetters: 0, waiting: 0 });
  });

  it.each([[["outbox"]], [["outbox", "letters"]], [["outbox", "retry"]], [["outbox", "clear"]]])(
    "%j says so where there is no outbox",
    async (words) => {
      const other = await temporary();
      await writeFile(join(other, "letter.txt"), "mine");
      for (const directory of [other, join(other, "nowhere"), join(other, "letter.txt")]) {
        const { code, stdout, stderr } = await kmkit([...words, "--directory", directory]);
        expect([code, stdout]).toEqual([1, ""]);
        expect(stderr).toMatch(/^kmkit: KM_OUTBOX_MISSING: There is no outbox in this directory.*\n$/);
      }
    },
  );
});
