import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { kmkit, main, startCollector, temporary } from "./cli-fixture.ts";

const time = Date.UTC(2026, 0, 31, 12, 0, 0);
const anonymous = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11";

async function send(url: string, commands: readonly Record<string, unknown>[], key = "local"): Promise<void> {
  const body = commands.map((command) => JSON.stringify({ id: crypto.randomUUID(), time, ...command })).join("\n");
  const response = await fetch(`${url}/v1/commands`, { method: "POST", body, headers: { authorization: `Bearer ${key}` } });
  expect(await response.json()).toEqual({ accepted: commands.length, rejected: [] });
}

const bob = [
  { type: "record", identity: anonymous, name: "Viewed Home", time: time - 1000 },
  { type: "alias", identity: anonymous, alias: "bob@bob.com" },
  { type: "record", identity: "bob@bob.com", name: "Signed Up", properties: { Plan: "Pro", Seats: 5 } },
];

/** A server that is no collector. */
async function foreign(listener: RequestListener, host = "127.0.0.1"): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  onTestFinished(() => void server.close());
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}

describe("kmkit person", () => {
  it("shows identities, properties, and events, newest first, as text that fits a line each", async () => {
    const cwd = await temporary();
    const { url } = await startCollector([], { cwd });
    await send(url, bob);
    for (const identity of ["bob@bob.com", anonymous]) {
      const { code, stdout, stderr } = await kmkit(["person", identity, "--url", url], { cwd });
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout.split("\n")).toEqual([
        "bob@bob.com",
        "",
        "Identities",
        `  ${anonymous}   anonymous  1 command, 2026-01-31 11:59:59 to 2026-01-31 11:59:59`,
        `  ${"bob@bob.com".padEnd(38)} named      1 command, 2026-01-31 12:00:00 to 2026-01-31 12:00:00`,
        "",
        "Properties",
        expect.stringMatching(/^ {2}Plan +Pro +2026-01-31 12:00:00$/),
        expect.stringMatching(/^ {2}Seats +5 +2026-01-31 12:00:00$/),
        "",
        "Events, newest first",
        expect.stringMatching(
          /^ {2}2026-01-31 12:00:00 {2}Signed Up {2}(Plan: Pro {2}Seats: 5|Seats: 5 {2}Plan: Pro) {2}\(bob@bob\.com\)$/,
        ),
        `  2026-01-31 11:59:59  Viewed Home  (${anonymous})`,
        "",
      ]);
    }
    // By the environment, and an address with a slash at its end.
    expect(await kmkit(["person", "bob@bob.com"], { cwd, env: { KMKIT_URL: `${url}/` } })).toMatchObject({ code: 0 });
  });

  it("passes the collector's answer through with --json, good or bad", async () => {
    const cwd = await temporary();
    const { url } = await startCollector([], { cwd });
    await send(url, bob);
    const good = await kmkit(["person", "bob@bob.com", "--json", "--url", url], { cwd });
    expect(good).toMatchObject({ code: 0, stderr: "" });
    expect(good.stdout).toBe(`${await (await fetch(`${url}/v1/people/bob@bob.com`)).text()}\n`);
    const bad = await kmkit(["person", "nobody", "--json", "--url", url], { cwd });
    expect([bad.code, JSON.parse(bad.stdout)]).toEqual([3, expect.objectContaining({ code: "KM_PERSON_UNKNOWN" })]);
  });

  it("says KM_PERSON_UNKNOWN with exit code 3 for whom nobody has seen, and for an unknown product 1", async () => {
    const cwd = await temporary();
    const { url } = await startCollector([], { cwd });
    await send(url, bob);
    for (const identity of ["nobody", "BOB@BOB.COM", "bob@bob.com "]) {
      const { code, stdout, stderr } = await kmkit(["person", identity, "--url", url], { cwd });
      expect([code, stdout, stderr]).toEqual([3, "", expect.stringMatching(/^kmkit: KM_PERSON_UNKNOWN: .*\n$/)]);
    }
    const other = await kmkit(["person", "bob@bob.com", "--product", "other", "--url", url], { cwd });
    expect([other.code, other.stderr]).toEqual([1, expect.stringMatching(/^kmkit: KM_PRODUCT_UNKNOWN: .*other/)]);
    expect((await kmkit(["person", "bob@bob.com", "--product", "local", "--url", url], { cwd })).code).toBe(0);
  });

  it("finds identities of every kind, also those that look like options or paths", async () => {
    const cwd = await temporary();
    const { url } = await startCollector([], { cwd });
    const identities = ["nb+To2Y/gBMjpu12wKz5pgPBeIXk=", "a b?#%2F", "🙂 ü", "--json", "-x", "../../v1/status", "42"];
    await send(
      url,
      identities.map((identity) => ({ type: "record", identity, name: "x" })),
    );
    for (const identity of identities) {
      const { code, stdout } = await kmkit(["person", "--url", url, "--", identity], { cwd });
      expect([code, stdout.split("\n")[0]]).toEqual([0, identity]);
    }
  });

  it("lets no control character of identities, names, properties or values reach the terminal", async () => {
    const cwd = await temporary();
    const { url } = await startCollector([], { cwd });
    // Colours, the title, a cursor that goes up, a bell, C1's own escape, a line that is not ours, text turned round.
    const evil = "\u001b[31m\u001b]0;title\u0007\u001b[1A\u009b2J\r\n  forged line\u202edlrow\u2066\u061c\u2028\u0000\u007f\b";
    // A NUL cannot stand in an argument, so somebody plain is asked for, who is the same person.
    await send(url, [
      { type: "record", identity: `bob${evil}`, name: `n${evil}`, properties: { [`p${evil}`]: `v${evil}` } },
      { type: "record", identity: "plain", name: "x" },
      { type: "alias", identity: "plain", alias: `bob${evil}` },
    ]);
    const shown = await kmkit(["person", "plain", "--url", url], { cwd });
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain("forged line");
    for (const text of [shown.stdout, shown.stderr]) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u2028-\u202e\u2066-\u2069]/);
      expect(text.split("\n").filter((line) => line.startsWith("  forged"))).toEqual([]);
    }
  });

  it("says with exit code 1 that no collector is there, where it looked, and how to start one", async () => {
    const gone = await startCollector(["--data", await temporary()]);
    await gone.signal("SIGTERM");
    for (const away of [gone.url, "http://nowhere.invalid:8787"]) {
      const { code, stdout, stderr } = await kmkit(["person", "bob", "--url", away], { cwd: await temporary() });
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(/^kmkit: KM_COLLECTOR_UNREACHABLE: .*npx kmkit collector\n$/);
      expect(stderr).toContain(away);
    }
  });

  it.each<[string, RequestListener]>([
    ["a page", (_, response) => response.end("<!doctype html><h1>Hello</h1>")],
    ["JSON of its own", (_, response) => response.end('{"hello":"world"}')],
    ["null", (_, response) => response.end("null")],
    ["an error page", (_, response) => response.writeHead(502).end("Bad Gateway")],
    ["nothing", (_, response) => response.writeHead(204).end()],
  ])("says that whoever answers with %s is no collector", async (_, listener) => {
    const url = await foreign(listener);
    const { code, stdout, stderr } = await kmkit(["person", "bob", "--url", url], { cwd: await temporary() });
    expect([code, stdout, stderr]).toEqual([
      1,
      "",
      expect.stringMatching(/^kmkit: http:\S+ answers, but not as a collector does \(status \d+\)\.\n$/),
    ]);
  });

  it("lets no control character of an answer's message reach the terminal", async () => {
    const url = await foreign((_, response) =>
      response.writeHead(500).end(JSON.stringify({ code: "KM_X\u001b[2J", message: "\u001b[31mred\nforged" })),
    );
    const { code, stderr } = await kmkit(["person", "bob", "--url", url], { cwd: await temporary() });
    expect([code, stderr]).toEqual([1, "kmkit: KM_X?[2J: ?[31mred forged\n"]);
  });

  it("asks below the path of the address, where the collector is behind a proxy", async () => {
    const paths: (string | undefined)[] = [];
    const url = await foreign((request, response) => {
      paths.push(request.url);
      response.writeHead(404).end('{"code":"KM_PERSON_UNKNOWN","message":"."}');
    });
    for (const base of ["/km", "/km/"]) expect((await kmkit(["person", "bob", "--url", url + base])).code).toBe(3);
    expect(paths).toEqual(["/km/v1/people?identity=bob", "/km/v1/people?identity=bob"]);
  });

  it("shows that there are older events where there are more than a page", async () => {
    const cwd = await temporary();
    const { url } = await startCollector([], { cwd });
    await send(
      url,
      Array.from({ length: 2000 }, (_, n) => ({
        type: "record",
        identity: "busy",
        name: "x",
        time: time + n,
        properties: { long: "y".repeat(1000) },
      })),
    );
    const { stdout } = await kmkit(["person", "busy", "--url", url], { cwd });
    expect(stdout).toContain("older ones");
    // A reader that has enough closes the pipe: no fault of ours, and no stack trace.
    const said = await new Promise<string>((resolve) =>
      execFile("sh", ["-c", `"${process.execPath}" "${main}" person busy --json --url "${url}" | head -c 10`], { cwd }, (_, __, stderr) =>
        resolve(stderr),
      ),
    );
    expect(said).toBe("");
  });
});

describe("kmkit person, of a collector with a key", () => {
  let lan: string | undefined;
  beforeAll(() => {
    lan = Object.values(networkInterfaces())
      .flat()
      .find((one) => one !== undefined && !one.internal && one.family === "IPv4")?.address;
  });

  it("reads by the token that the collector keeps in its data directory", async () => {
    const cwd = await temporary();
    const elsewhere = await temporary();
    const { url } = await startCollector(["--key", "the-key"], { cwd });
    await send(url, bob, "the-key");
    const ask = (words: string[], where: string, env = {}) => kmkit(["person", "bob@bob.com", "--url", url, ...words], { cwd: where, env });
    expect((await ask([], cwd)).code).toBe(0);
    expect((await ask(["--data", join(cwd, ".kmkit", "data")], elsewhere)).code).toBe(0);
    for (const [words, env] of [
      [[], {}],
      [["--admin", "the-key"], {}],
      [["--admin", "wrong"], {}],
      [[], { KMKIT_KEY: "the-key" }],
      [[], { KMKIT_ADMIN: "the-key" }],
    ] as const) {
      const { code, stdout, stderr } = await ask([...words], elsewhere, env);
      expect([code, stdout, stderr]).toEqual([1, "", expect.stringMatching(/^kmkit: KM_TOKEN_REFUSED: /)]);
    }
  });

  it("reads by --admin or KMKIT_ADMIN", async () => {
    const cwd = await temporary();
    const { url } = await startCollector(["--key", "the-key", "--admin", "the-token"], { cwd });
    await send(url, bob, "the-key");
    expect((await kmkit(["person", "bob@bob.com", "--url", url, "--admin", "the-token"], { cwd })).code).toBe(0);
    expect((await kmkit(["person", "bob@bob.com", "--url", url], { cwd, env: { KMKIT_ADMIN: "the-token" } })).code).toBe(0);
    expect((await kmkit(["person", "bob@bob.com", "--url", url], { cwd })).code).toBe(1);
  });

  it("sends the token of this machine's collector to this machine only", async ({ skip }) => {
    const cwd = await temporary();
    await mkdir(join(cwd, ".kmkit", "data"), { recursive: true });
    await writeFile(join(cwd, ".kmkit", "data", "admin-token"), "own-token\n");
    const seen: (string | undefined)[] = [];
    const listener: RequestListener = (request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(404).end('{"code":"KM_PERSON_UNKNOWN","message":"."}');
    };
    const here = await foreign(listener);
    await kmkit(["person", "bob", "--url", here], { cwd });
    expect(seen).toEqual(["Bearer own-token"]);
    if (lan === undefined) return skip("this machine has no other address");
    const there = await foreign(listener, lan);
    await kmkit(["person", "bob", "--url", there], { cwd });
    expect(seen).toEqual(["Bearer own-token", undefined]);
  });
});
