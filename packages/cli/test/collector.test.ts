import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import net from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { kmkit, startCollector, temporary } from "./cli-fixture.ts";

const command = (identity: string, name: string) =>
  JSON.stringify({ type: "record", id: crypto.randomUUID(), time: Date.now(), identity, name, properties: {} });

async function post(url: string, body: string, key = "local"): Promise<number> {
  return (await fetch(`${url}/v1/commands`, { method: "POST", body, headers: { authorization: `Bearer ${key}` } })).status;
}

describe("kmkit collector", () => {
  it("says where it is on a free port, takes commands, and keeps them in .kmkit/data under the working directory", async () => {
    const cwd = await temporary();
    const { url, greeting, signal } = await startCollector([], { cwd });
    expect(greeting).toBe(`kmkit collector ready on ${url}\n`);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/);
    expect(await post(url, command("bob", "x"))).toBe(200);
    expect((await stat(join(cwd, ".kmkit", "data", "store"))).isDirectory()).toBe(true);
    expect((await stat(join(cwd, ".kmkit", "data"))).mode & 0o077).toBe(0);
    expect(await signal("SIGTERM")).toMatchObject({ code: 0, stderr: "" });
  });

  it.each(["SIGTERM", "SIGINT"] as const)("ends at %s with exit code 0 within two seconds, with everything stored", async (name) => {
    const data = await temporary();
    const first = await startCollector(["--data", data]);
    let acknowledged = 0;
    const loads = Array.from({ length: 4 }, async (_, n) => {
      for (;;) {
        const body = Array.from({ length: 50 }, () => command(`load-${n}`, "x")).join("\n");
        const status = await post(first.url, body).catch(() => 0);
        if (status !== 200) return;
        acknowledged += 50;
        if (acknowledged >= 2000 && n === 0) break;
      }
    });
    await loads[0];
    const began = performance.now();
    const outcome = await first.signal(name);
    expect(performance.now() - began).toBeLessThan(3000);
    expect(outcome).toMatchObject({ code: 0, signal: null, stderr: "" });
    await Promise.all(loads);
    const second = await startCollector(["--data", data]);
    const status = await (await fetch(`${second.url}/v1/status`)).json();
    // The first look of the next start: nothing was left waiting.
    expect(status).toMatchObject({ waiting: 0 });
    expect((status as { stored: number }).stored).toBeGreaterThanOrEqual(acknowledged);
  });

  it("ends at once at the second signal", async () => {
    const running = await startCollector(["--data", await temporary()]);
    const { hostname, port } = new URL(running.url);
    // A request that never ends would hold it for two seconds.
    const socket = net.connect(Number(port), hostname);
    socket.on("error", () => {});
    await new Promise((resolve) =>
      socket.write("POST /v1/commands HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer local\r\nContent-Length: 9\r\n\r\n{", resolve),
    );
    await fetch(`${running.url}/healthz`);
    const began = performance.now();
    void running.signal("SIGINT");
    await expect
      .poll(() =>
        fetch(`${running.url}/healthz`).then(
          () => "up",
          () => "down",
        ),
      )
      .toBe("down");
    expect((await running.signal("SIGINT")).code).toBe(1);
    expect(performance.now() - began).toBeLessThan(1900);
    socket.destroy();
  });

  it("that is the second on a directory says KM_STORE_LOCKED with the other's process, and the first goes on", async () => {
    const data = await temporary();
    const first = await startCollector(["--data", data]);
    const { code, stdout, stderr } = await kmkit(["collector", "--port", "0", "--data", data]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^kmkit: KM_STORE_LOCKED: .*--data.*process \d+.*$/m);
    expect(await post(first.url, command("bob", "x"))).toBe(200);
    expect((await fetch(`${first.url}/v1/people/bob`)).status).toBe(200);
  });

  it("on a taken port says KM_PORT_TAKEN and what to do, and ends with 1", async () => {
    const first = await startCollector(["--data", await temporary()]);
    const { code, stderr } = await kmkit(["collector", "--port", new URL(first.url).port, "--data", await temporary()]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^kmkit: KM_PORT_TAKEN: .*--port.*\n$/);
  });

  it.each([
    ["0.0.0.0", []],
    ["::", ["--key", "k"]],
    ["0.0.0.0", ["--key", "k", "--admin", ""]],
    ["0.0.0.0", ["--admin", "t"]],
    ["0.0.0.0", ["--key", "", "--admin", "t"]],
  ])("on %s with %j says KM_OPEN_ADDRESS and ends with 1", async (host, words) => {
    const { code, stderr } = await kmkit(["collector", "--port", "0", "--host", host, ...words, "--data", await temporary()]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^kmkit: KM_OPEN_ADDRESS: /)]);
  });

  it("on every address with key and admin token says so, and on ::1 with brackets", async () => {
    const open = await startCollector(["--host", "0.0.0.0", "--key", "k", "--admin", "t", "--data", await temporary()]);
    expect(open.greeting).toMatch(/^kmkit collector ready on http:\/\/0\.0\.0\.0:\d+\n$/);
    const { url } = await startCollector(["--host", "::1", "--data", await temporary()]);
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it("on an address that is none of this machine's says why", async () => {
    const { code, stderr } = await kmkit([
      "collector",
      "--host",
      "192.0.2.1",
      "--key",
      "k",
      "--admin",
      "t",
      "--port",
      "0",
      "--data",
      await temporary(),
    ]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^kmkit: .*192\.0\.2\.1.*\n$/)]);
  });

  it("on a file, below a file, and on a store that is noise says KM_STORE_BROKEN with the path, and leaves it as it is", async () => {
    const directory = await temporary();
    await writeFile(join(directory, "file"), "somebody's data");
    await mkdir(join(directory, "noise"));
    await writeFile(join(directory, "noise", "store"), "noise");
    for (const at of ["file", "file/below", "noise"]) {
      for (const words of [[], ["--key", "k"]]) {
        const { code, stdout, stderr } = await kmkit(["collector", "--port", "0", "--data", join(directory, at), ...words]);
        expect([at, code, stdout]).toEqual([at, 1, ""]);
        expect(stderr).toMatch(new RegExp(`^kmkit: KM_STORE_BROKEN: .*${join(directory, at)}.*\n$`));
      }
    }
    expect(await readFile(join(directory, "file"), "utf8")).toBe("somebody's data");
  });

  it("whose store's files are noise says KM_STORE_BROKEN and ends with 1, without a crash", async () => {
    const data = await temporary();
    const first = await startCollector(["--data", data]);
    await post(first.url, command("bob", "x"));
    await first.signal("SIGTERM");
    const found = await readdir(join(data, "store", "metadata"), { recursive: true, withFileTypes: true });
    const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) await writeFile(file, "noise");
    const { code, signal, stdout, stderr } = await kmkit(["collector", "--port", "0", "--data", data]);
    expect([code, signal, stdout]).toEqual([1, null, ""]);
    expect(stderr).toMatch(/^kmkit: KM_STORE_BROKEN: /m);
  });

  it("with a key keeps an admin token of its own, readable by its owner only, the same at the next start, and never prints it", async () => {
    const data = join(await temporary(), "data");
    const tokens: string[] = [];
    for (const _ of [1, 2]) {
      const running = await startCollector(["--data", data], { env: { KMKIT_KEY: "the-key" } });
      const file = join(data, "admin-token");
      expect(running.greeting).toBe(`admin token for reading: in ${file}\nkmkit collector ready on ${running.url}\n`);
      const token = (await readFile(file, "utf8")).trim();
      tokens.push(token);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect((await stat(data)).mode & 0o077).toBe(0);
      expect(token.length).toBeGreaterThanOrEqual(32);
      expect(await post(running.url, command("bob", "x"), "local")).toBe(401);
      expect(await post(running.url, command("bob", "x"), "the-key")).toBe(200);
      const read = async (authorization: string) => (await fetch(`${running.url}/v1/people/bob`, { headers: { authorization } })).status;
      expect([await read(""), await read("Bearer the-key"), await read("Bearer "), await read(`Bearer ${token}`)]).toEqual([
        401, 401, 401, 200,
      ]);
      const { stdout, stderr } = await running.signal("SIGTERM");
      expect(stdout + stderr).not.toContain(token);
      expect(stdout + stderr).not.toContain("the-key");
    }
    expect(tokens[0]).toBe(tokens[1]);
  });

  it("with an admin token that is set but empty makes its own instead of letting everybody read", async () => {
    const data = await temporary();
    const { url } = await startCollector(["--data", data], { env: { KMKIT_KEY: "k", KMKIT_ADMIN: "", KMKIT_PORT: "" } });
    for (const authorization of ["", "Bearer "]) expect((await fetch(`${url}/v1/status`, { headers: { authorization } })).status).toBe(401);
    expect(await readFile(join(data, "admin-token"), "utf8")).toMatch(/^\S{32,}\n$/);
  });
});
