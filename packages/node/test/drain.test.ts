import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Receiver, startChild, startReceiver } from "@kmkit/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createKm } from "../src/index.ts";

const cwd = import.meta.dirname;
let receiver: Receiver;
let directory: string;
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(() => receiver.close());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kmkit-drain-"));
  receiver.mode("accept");
  receiver.clear();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const client = `import { createKm } from "../dist/index.js"; const client = createKm(); const km = client.as("bob");`;
const run = (source: string, env: Record<string, string> = {}) =>
  startChild(client + source, { cwd, env: { KMKIT_URL: receiver.url, KMKIT_KEY: "k", KMKIT_OUTBOX: directory, ...env } });
/** What is in the outbox of a process that has ended. */
async function left(): Promise<number> {
  receiver.mode("accept");
  const own = createKm({ url: receiver.url, key: "k", outbox: directory });
  own.as("x").record("probe");
  await own.flush();
  const { found } = own.stats();
  await own.close();
  return found;
}

describe("when the process ends", () => {
  it("SIGTERM, ours the only listener: everything is sent and the process dies of the signal, as it would have without us", async () => {
    const child = run(`for (let n = 0; n < 2000; n += 1) km.record("E" + n); setInterval(() => {}, 1000); console.log("recorded");`);
    await child.line("recorded");
    const start = performance.now();
    child.process.kill("SIGTERM");
    expect(await child.ended).toEqual({ code: null, signal: "SIGTERM" });
    expect(performance.now() - start).toBeLessThan(2000);
    expect(receiver.commands).toHaveLength(2000);
  });

  it("SIGTERM while the receiver hangs: it ends within two seconds, and everything is on disk", async () => {
    receiver.mode("hang");
    const child = run(`for (let n = 0; n < 100; n += 1) km.record("E" + n); setInterval(() => {}, 1000); console.log("recorded");`);
    await child.line("recorded");
    const start = performance.now();
    child.process.kill("SIGTERM");
    expect(await child.ended).toEqual({ code: null, signal: "SIGTERM" });
    expect(performance.now() - start).toBeLessThan(2000);
    expect(await left()).toBe(100);
  });

  it("the app's own listener decides about the exit; what it leaves is on disk", async () => {
    receiver.mode("hang");
    const child = run(
      `process.on("SIGTERM", () => { km.record("Last"); process.exit(7); }); km.record("First"); setInterval(() => {}, 1000); console.log("recorded");`,
    );
    await child.line("recorded");
    child.process.kill("SIGTERM");
    expect(await child.ended).toEqual({ code: 7, signal: null });
    expect(await left()).toBe(2);
  });

  it("a second Ctrl-C means now, and loses nothing", async () => {
    receiver.mode("hang");
    const child = run(`km.record("E"); setInterval(() => {}, 1000); console.log("recorded");`);
    await child.line("recorded");
    child.process.kill("SIGINT");
    await vi.waitFor(() => expect(receiver.requests.length).toBeGreaterThan(0));
    child.process.kill("SIGINT");
    expect(await child.ended).toEqual({ code: null, signal: "SIGINT" });
    expect(await left()).toBe(1);
  });

  it("process.exit right after record, and an uncaught error: everything is on disk", async () => {
    receiver.mode("hang");
    await run(`km.record("A"); process.exit(0);`).ended;
    await run(`km.record("B"); await null; throw new Error("boom");`).ended;
    expect(await left()).toBe(2);
  });

  it("a script that records and neither closes nor waits ends by itself, having sent", async () => {
    const child = run(`km.record("Sent");`);
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(receiver.commands).toMatchObject([{ name: "Sent" }]);
  });

  it("and while the receiver hangs it ends all the same, with the command on disk", async () => {
    receiver.mode("hang");
    const start = performance.now();
    expect(await run(`km.record("Kept");`).ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - start).toBeLessThan(3000);
    expect(await left()).toBe(1);
  });

  it("a top-level await of close ends, whatever the receiver does", async () => {
    receiver.mode("hang");
    const child = run(`km.record("Kept"); console.log("closed", JSON.stringify(await client.close(200)));`);
    expect(JSON.parse(await child.line("closed"))).toEqual({ sent: 0, kept: 1, dropped: 0 });
    expect(await child.ended).toEqual({ code: 0, signal: null });
  });

  it("while the receiver is away nothing is printed more than once, and it catches up by itself", async () => {
    await receiver.down();
    const child = run(
      `let n = 0; const timer = setInterval(() => km.record("E" + n++), 1); process.on("message", () => { clearInterval(timer); console.log("count", n); });`,
      { NODE_ENV: "production" },
    );
    await vi.waitFor(() => expect(child.output.error).toContain("KM_COLLECTOR_UNREACHABLE"));
    await receiver.up();
    await vi.waitFor(() => expect(receiver.commands.length).toBeGreaterThan(0), { timeout: 15_000 });
    child.process.send("stop");
    const count = Number(await child.line("count"));
    await vi.waitFor(() => expect(receiver.commands).toHaveLength(count), { timeout: 15_000 });
    child.process.kill("SIGKILL");
    await child.ended;
    expect(child.output.error.trim().split("\n")).toHaveLength(1);
  });

  it("an idle connection that the receiver closes is no outage", async () => {
    // A receiver that answers one request a connection and closes it a moment later, without saying so.
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      let answered = false;
      socket.on("data", () => {
        if (answered) return socket.destroy();
        answered = true;
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n{}");
      });
      socket.on("error", () => {});
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const child = run(
      `km.record("One"); const a = await client.flush(); km.record("Two"); const b = await client.flush(); console.log("done", JSON.stringify([a.sent, b.sent, client.stats().fault ?? null])); process.exit(0);`,
      { KMKIT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    );
    expect(JSON.parse(await child.line("done"))).toEqual([1, 1, null]);
    expect(child.output.error).toBe("");
    expect(connections).toBe(2);
    await child.ended;
    server.close();
  });
});
