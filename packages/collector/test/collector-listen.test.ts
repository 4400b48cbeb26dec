import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCollector } from "../src/index.ts";
import { get, ndjson, person, post, raw, record, runCollector, somebody } from "./collector-fixture.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kmkit-listen-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const keys = [{ key: "k", product: "p", kind: "server" as const }];
const refusing = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => new Error("it was not refused"),
    (cause: Error & { code?: string }) => cause,
  );
  return "code" in error ? String(error.code) : error.message;
};

describe("listening", () => {
  it("is refused on other addresses than loopback without keys and an admin token, and still possible afterwards", async () => {
    const hosts = ["0.0.0.0", "::", "", "10.0.0.1", "km.shop.example", "127.0.0.1.nip.io", "localhost.evil.example", "::ffff:127.0.0.1"];
    for (const options of [{}, { keys }, { admin: "t" }, { keys, admin: "" }, { keys: [], admin: "t" }]) {
      const collector = await createCollector({ directory, ...options });
      for (const host of hosts) expect([host, await refusing(collector.listen({ port: 0, host }))]).toEqual([host, "KM_OPEN_ADDRESS"]);
      const { port } = await collector.listen({ port: 0, host: "127.0.0.1" });
      expect((await get(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
      await collector.close();
    }
  });

  it("on every address with keys and an admin token is fine", async () => {
    const collector = await createCollector({ directory, keys, admin: "t" });
    const { port } = await collector.listen({ port: 0, host: "0.0.0.0" });
    expect((await get(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    await collector.close();
  });

  it("on a taken port gives KM_PORT_TAKEN, names it, and another port may be tried", async () => {
    const other = net.createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.on("listening", resolve));
    const { port } = other.address() as net.AddressInfo;
    const collector = await createCollector({ directory });
    await expect(collector.listen({ port, host: "127.0.0.1" })).rejects.toMatchObject({
      code: "KM_PORT_TAKEN",
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
    const second = await collector.listen({ port: 0, host: "127.0.0.1" });
    expect((await get(`http://127.0.0.1:${second.port}/healthz`)).status).toBe(200);
    await collector.close();
    other.close();
  });

  it("on ::1 works, under [::1] as host", async () => {
    const collector = await createCollector({ directory });
    const { port, host } = await collector.listen({ port: 0, host: "::1" });
    expect(host).toBe("::1");
    expect((await get(`http://[::1]:${port}/v1/status`)).status).toBe(200);
    expect((await raw(port, "GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "::1")).toString()).toMatch(
      /^HTTP\/1\.1 421 /,
    );
    await collector.close();
  });
});

describe("closing", () => {
  it("stores what waits, lets go of the directory, and everything is there after the next start", async () => {
    const who = somebody();
    const first = await runCollector({ directory });
    await post(first.url, ndjson(...Array.from({ length: 500 }, (_, n) => record(who, "Signed Up", { n }))));
    await first.end();
    await expect(fetch(`${first.url}/healthz`)).rejects.toThrow();
    const second = await runCollector({ directory });
    expect((await person(second.url, who, "?limit=1000")).events).toHaveLength(500);
    expect((await get(`${second.url}/v1/status`)).json).toMatchObject({ waiting: 0, stored: 500 });
    // Names are remembered too: another writing of it comes later in time and is not shown.
    await post(second.url, record(who, "SIGNED UP", {}));
    expect((await person(second.url, who, "?limit=1")).events[0]?.name).toBe("Signed Up");
    await second.end();
  });

  it("answers the requests that are under way, and does not wait for idle connections", async () => {
    const running = await runCollector({ directory });
    const agent = new http.Agent({ keepAlive: true });
    await new Promise((resolve) => http.get(`${running.url}/healthz`, { agent }, (response) => response.resume().on("end", resolve)));
    const who = somebody();
    const request = http.request(`${running.url}/v1/commands`, { method: "POST", headers: { authorization: "Bearer local" } });
    const answered = new Promise((resolve, reject) =>
      request.on("error", reject).on("response", (response) => resolve(response.resume().statusCode)),
    );
    const body = record(who, "x");
    await new Promise((resolve) => request.write(body.slice(0, 20), resolve));
    await get(`${running.url}/healthz`);
    const began = performance.now();
    const closed = running.collector.close();
    request.end(body.slice(20));
    expect(await answered).toBe(200);
    await closed;
    expect(performance.now() - began).toBeLessThan(1900);
    agent.destroy();
    const again = await runCollector({ directory });
    expect((await person(again.url, who)).events).toHaveLength(1);
    await again.end();
  });

  it("cuts a request that never ends after two seconds", async () => {
    const running = await runCollector({ directory });
    const socket = net.connect(running.port, "127.0.0.1", () => {
      socket.write("POST /v1/commands HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer local\r\nContent-Length: 1000\r\n\r\n{");
    });
    await new Promise((resolve) => socket.on("connect", resolve));
    const cut = new Promise((resolve) => socket.on("close", resolve).on("error", () => {}));
    await get(`${running.url}/healthz`);
    const began = performance.now();
    await running.collector.close();
    await cut;
    expect(performance.now() - began).toBeLessThan(4000);
  });

  it("without ever having listened, and twice, is fine", async () => {
    const collector = await createCollector({ directory });
    await collector.close();
    await collector.close();
  });
});

describe("opening", () => {
  it("on a path that is a file gives KM_STORE_BROKEN with the path", async () => {
    const path = join(directory, "file");
    await writeFile(path, "not a directory");
    for (const at of [path, join(path, "below")]) {
      await expect(createCollector({ directory: at })).rejects.toMatchObject({
        code: "KM_STORE_BROKEN",
        message: expect.stringContaining(path),
      });
    }
  });

  it("where the outbox cannot be kept on disk is refused: an acknowledgement would be a lie", async () => {
    await writeFile(join(directory, "outbox"), "not a directory");
    expect(await refusing(createCollector({ directory, onError: () => {} }))).toBe("KM_STORE_BROKEN");
    // The store was let go of.
    await rm(join(directory, "outbox"));
    await (await createCollector({ directory })).close();
  });

  it("with noise in a file of its outbox moves that aside, says so, and goes on", async () => {
    await mkdir(join(directory, "outbox"), { recursive: true });
    await writeFile(join(directory, "outbox", "01760000000000-00000001-0123456789ab.5-2000-1.ndjson"), Buffer.alloc(2000, "noise"));
    const running = await runCollector({ directory });
    const who = somebody();
    await post(running.url, record(who, "x"));
    expect((await person(running.url, who)).events).toHaveLength(1);
    expect(running.errors.map((error) => error.code)).toEqual(["KM_OUTBOX_BROKEN"]);
    await running.end();
  });

  it("makes a directory that others cannot look into", async () => {
    const below = join(directory, "a", "b");
    const collector = await createCollector({ directory: below });
    expect((await stat(below)).mode & 0o077).toBe(0);
    await collector.close();
  });
});
