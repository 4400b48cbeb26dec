import { execFile, spawnSync } from "node:child_process";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { kmkit, launch, main, startCollector, temporary } from "./cli-fixture.ts";

const time = Date.UTC(2026, 0, 31, 12, 0, 0);
const anonymous = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11";

async function send(url: string, commands: readonly Record<string, unknown>[], key = "local"): Promise<void> {
  const body = commands.map((command) => JSON.stringify({ id: crypto.randomUUID(), time, ...command })).join("\n");
  const response = await fetch(`${url}/v1/commands`, { method: "POST", body, headers: { authorization: `Bearer ${key}` } });
  expect(response.status).toBe(200);
}

/** Starts `kmkit tail` and waits until it is connected. */
async function tailing(url: string, words: string[] = [], options = {}) {
  const call = launch(["tail", "--url", url, ...words], options);
  await call.said(/looking on at /);
  return call;
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that shows some commands as a collector does. */
const showing = (...commands: unknown[]) =>
  serve((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write('event: open\ndata: {"from":1}\n\n');
    for (const command of commands) response.write(`event: command\ndata: ${JSON.stringify(command)}\n\n`);
  });

/** script(1), which runs a command on a terminal of its own. */
const terminal = "script";

describe("kmkit tail", () => {
  it("shows a line for each command, in columns, with whose it is, and nothing that came before", async () => {
    const { url } = await startCollector(["--data", await temporary()]);
    await send(url, [{ type: "record", identity: "bob@bob.com", name: "Earlier" }]);
    const { said, child, outcome } = await tailing(url);
    const json = await tailing(url, ["--json"]);
    await send(url, [
      { type: "record", identity: anonymous, name: "Viewed Home" },
      { type: "alias", identity: anonymous, alias: "bob@bob.com" },
    ]);
    await said(/alias .*\n/);
    await send(url, [
      { type: "record", identity: anonymous, name: "Signed Up", properties: { Plan: "Pro", Seats: 5 } },
      { type: "set", identity: "bob@bob.com", properties: { Plan: "Pro" } },
      { type: "record", identity: "bob@bob.com", name: "Long", properties: { text: "x".repeat(5000) } },
      { type: "record", identity: "bob@bob.com", name: "Old", time: 1 },
      { type: "alias", identity: "bob@bob.com", alias: "guest" },
      { type: "purchase", identity: "bob@bob.com" },
    ]);
    await said(/KM_TYPE_INVALID/);
    await json.said(/KM_TYPE_INVALID/);
    child.kill("SIGINT");
    json.child.kill("SIGTERM");
    const { code, signal, stdout } = await outcome;
    expect([code, signal]).toEqual([0, null]);
    const line = (who: string, what: string, moment = "2026-01-31 12:00:00") => `${moment}  ${who.padEnd(24)}  ${what}`;
    // The alias came with the first body: whether it counted for that command already is a matter of moments.
    const [first, tie, ...rest] = stdout.split("\n");
    expect(first).toMatch(/^2026-01-31 12:00:00 {2}(bob@bob.com {13}|0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11) {2}record "Viewed Home"$/);
    expect(tie).toMatch(/ {2}alias {2}0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11 = bob@bob.com$/);
    expect(rest).toEqual([
      line("bob@bob.com", 'record "Signed Up"  Plan: Pro  Seats: 5'),
      line("bob@bob.com", "set    Plan: Pro"),
      line("bob@bob.com", `record "Long"  text: ${"x".repeat(79)}…`),
      line("bob@bob.com", 'refused KM_TIME_RANGE  record "Old"', "1970-01-01 00:00:00"),
      line("bob@bob.com", "refused KM_IDENTITY_JUNK  alias  bob@bob.com = guest"),
      expect.stringMatching(/^2026-01-31 12:00:00 {2}bob@bob.com {13} {2}refused KM_TYPE_INVALID {2}The type must be .*\(purchase\)$/),
      "",
    ]);
    const lines = (await json.outcome).stdout.trim().split("\n");
    expect((await json.outcome).code).toBe(0);
    expect(lines).toHaveLength(8);
    expect(JSON.parse(lines[4] as string)).toEqual({
      ...{ type: "record", id: expect.any(String), time, received: expect.any(Number), identity: "bob@bob.com" },
      ...{ person: { identity: "bob@bob.com", anonymous: false }, name: "Long", properties: { text: "x".repeat(5000) } },
    });
  });

  it("shows only what passes the filters, ends with exit code 0 when its reader has enough, and goes on over a kill -9 of the collector", async () => {
    const data = await temporary();
    const before = await startCollector(["--data", data]);
    const { url } = before;
    const person = await tailing(url, ["--person", anonymous]);
    const signed = await tailing(url, ["--event", "signed up", "--event", "Paid", "--property", "Plan=Pro", "--json"]);
    // `| head -n 1`
    const head = new Promise<{ stdout: string; stderr: string }>((resolve) => {
      const script = `{ "${process.execPath}" "${main}" tail --url "${url}"; echo "ended with $?" >&2; } | head -n 1`;
      const child = execFile("sh", ["-c", script], (_, stdout, stderr) => resolve({ stdout, stderr }));
      onTestFinished(() => void child.kill());
    });
    let over = false;
    void head.then(() => {
      over = true;
    });
    await send(url, [
      { type: "alias", identity: anonymous, alias: "bob@bob.com" },
      { type: "record", identity: "eve", name: "Signed Up", properties: { Plan: "Pro" } },
      { type: "record", identity: "bob@bob.com", name: "SIGNED UP", properties: { plan: "pro" } },
      { type: "set", identity: "bob@bob.com", properties: { Plan: "Pro" } },
      { type: "record", identity: "eve", name: "paid", properties: { Plan: "Pro" } },
    ]);
    await signed.said(/paid/);
    await person.said(/set .*Plan/);
    // A process learns that its pipe is closed when it writes to it.
    for (let n = 0; !over; n++) await send(url, [{ type: "record", identity: "eve", name: `More ${n}` }]);
    const { stdout, stderr } = await head;
    expect(stdout.split("\n")).toHaveLength(2);
    expect(stderr.split("\n").slice(-2)).toEqual(["ended with 0", ""]);

    await before.signal("SIGKILL");
    await person.said(/kmkit: the collector is gone \(.*\); trying again/);
    const port = new URL(url).port;
    await startCollector(["--data", data, "--port", port]);
    for (const one of [person, signed]) await one.said(/connected again; what came meanwhile was not seen/);
    await send(url, [{ type: "record", identity: "bob@bob.com", name: "Paid", properties: { Plan: "Pro", after: true } }]);
    for (const one of [person, signed]) {
      await one.said(/after/);
      one.child.kill("SIGINT");
      expect((await one.outcome).code).toBe(0);
    }
    const shown = (await signed.outcome).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(shown.map(({ name, identity }) => [name, identity])).toEqual([
      ["Signed Up", "eve"],
      ["paid", "eve"],
      ["Paid", "bob@bob.com"],
    ]);
    expect((await person.outcome).stdout).toMatch(/alias.*\n.*SIGNED UP.*\n.*set {4}Plan: Pro\n.*Paid.*\n$/);
    expect((await person.outcome).stdout).not.toContain("eve");
    expect((await person.outcome).stderr.match(/trying again/g)).toHaveLength(1);
  });

  it("ends with exit code 1 and says why for a wrong token, an unknown product, a filter that cannot be, and where no collector answers", async () => {
    const cwd = await temporary();
    const { url, signal } = await startCollector(["--key", "the-key", "--admin", "the-token"], { cwd });
    const ask = async (...words: string[]) => {
      const { code, stdout, stderr } = await kmkit(["tail", "--url", url, ...words], { cwd: await temporary() });
      return { code, stdout, stderr };
    };
    const says = (pattern: RegExp) => ({ code: 1, stdout: "", stderr: expect.stringMatching(pattern) });
    for (const words of [[], ["--admin", "wrong"], ["--admin", "the-key"]])
      expect(await ask(...words)).toEqual(says(/^kmkit: KM_TOKEN_REFUSED: .*\n$/));
    expect(await ask("--admin", "the-token", "--product", "other")).toEqual(says(/^kmkit: KM_PRODUCT_UNKNOWN: .*other.*\n$/));
    expect(await ask("--admin", "the-token", "--event", "")).toEqual(says(/^kmkit: KM_FILTER_INVALID: .*\n$/));
    (await tailing(url, ["--admin", "the-token", "--product", "local"])).child.kill();
    await signal("SIGTERM");
    expect(await ask("--json")).toEqual(says(/^kmkit: KM_COLLECTOR_UNREACHABLE: .*npx kmkit collector\n$/));
  });
});

describe("kmkit tail, whoever answers", () => {
  const nasty = "\u001b[2J\u009b31m\u202e\r\nforged\u0000\u2028";
  const command = {
    type: "record",
    time,
    received: time,
    identity: nasty,
    person: { identity: nasty, anonymous: false },
    name: nasty,
    properties: { [nasty]: nasty },
  };
  const refused = { received: 1e300, time: 1e300, type: nasty, alias: nasty, refused: { code: nasty, message: nasty } };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it is about
  const isControl = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e]/;

  it("lets no control character reach the terminal, and loses nothing of it with --json", async () => {
    const url = await showing(command, { ...command, type: "alias", alias: nasty }, refused, { ...command, type: "set" });
    const text = await tailing(url);
    const json = await tailing(url, ["--json"]);
    await text.said(/set .*\n/);
    await json.said(/"set".*\n/);
    for (const { child } of [text, json]) child.kill("SIGINT");
    const { stdout, stderr } = await text.outcome;
    expect(stdout + stderr).not.toMatch(isControl);
    expect(stdout.split("\n")).toHaveLength(5);
    const lines = (await json.outcome).stdout;
    expect(lines).not.toMatch(isControl);
    expect(JSON.parse(lines.split("\n")[0] as string)).toEqual(command);
  });

  it("colours lines on a terminal only, and not with NO_COLOR", async ({ skip }) => {
    if (spawnSync(terminal, ["--version"]).status !== 0) return skip("there is no script(1) here to make a terminal");
    const url = await showing(command);
    const run = (env: Record<string, string>) =>
      new Promise<string>((resolve) => {
        const own = { PATH: process.env.PATH, TERM: "xterm", ...env };
        const child = execFile(
          terminal,
          ["-qec", `"${process.execPath}" "${main}" tail --url "${url}"`, "/dev/null"],
          { env: own },
          (_, stdout) => resolve(stdout),
        );
        child.stdout?.on("data", (chunk) => /record/.test(chunk) && child.kill());
      });
    expect(await run({})).toContain("\u001b[32mrecord");
    expect(await run({ NO_COLOR: "1" })).not.toContain("\u001b[");
    const { child, said, outcome } = await tailing(url);
    await said(/record/);
    child.kill("SIGINT");
    expect((await outcome).stdout).not.toContain("\u001b[");
  });

  it.each<[string, RequestListener]>([
    ["a page", (_, response) => response.end("<!doctype html><h1>Hello</h1>")],
    ["an error page", (_, response) => response.writeHead(502).end("Bad Gateway")],
    ["a moved stream that is none", (_, response) => response.writeHead(200, { "content-type": "application/json" }).end("{}")],
  ])("says that whoever answers with %s is no collector", async (_, listener) => {
    const { code, stderr } = await kmkit(["tail", "--url", await serve(listener)]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/answers, but not as a collector does \(status \d+\)\.\n$/)]);
  });

  it("says what the collector says of itself: that commands were missed, and why a stream ended; and ends where it is refused later", async () => {
    let calls = 0;
    const url = await serve((request, response) => {
      calls += 1;
      expect(request.url).toBe("/below/v1/live?product=p&person=a+b&person=c%26d&event=e&property=f%3Dg");
      if (calls === 2) return response.writeHead(503).end('{"code":"KM_LISTENERS_TOO_MANY","message":"."}');
      if (calls === 3) return response.writeHead(401).end('{"code":"KM_TOKEN_REFUSED","message":"The token is another one."}');
      response.writeHead(200, { "content-type": "text/event-stream" });
      return response.end(
        'event: open\ndata: {"from":1}\n\nevent: missed\ndata: {"count":1234}\n\nevent: end\ndata: {"code":"KM_LISTENER_SLOW","message":"Slow."}\n\n',
      );
    });
    const words = ["--product", "p", "--person", "a b", "--person", "c&d", "--event", "e", "--property", "f=g"];
    const { code, stdout, stderr } = await kmkit(["tail", "--url", `${url}/below/`, ...words]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr.split("\n")).toEqual([
      expect.stringMatching(/^kmkit: looking on at /),
      "kmkit: 1,234 commands not shown: more came than the collector can show beside its work",
      "kmkit: the collector is gone (KM_LISTENER_SLOW: Slow.); trying again",
      "kmkit: KM_TOKEN_REFUSED: The token is another one.",
      "",
    ]);
  });
});
