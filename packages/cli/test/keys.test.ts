import { spawn } from "node:child_process";
import { chown, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { kmkit, main, startCollector, temporary } from "./cli-fixture.ts";

const command = (identity: string, name: string) =>
  JSON.stringify({ type: "record", id: crypto.randomUUID(), time: Date.now(), identity, name, properties: {} });

async function post(url: string, key: string, body: string = command("bob", "x")): Promise<number> {
  return (await fetch(`${url}/v1/commands`, { method: "POST", body, headers: { authorization: `Bearer ${key}` } })).status;
}

/** Waits until a key is answered so. */
const answers = (url: string, key: string, status: number, timeout = 5000) =>
  vi.waitFor(async () => expect(await post(url, key)).toBe(status), { timeout, interval: 10 });

/** Runs `kmkit keys … --json` and gives what it prints; fails where it fails. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
async function keys(data: string, ...words: string[]): Promise<any> {
  const { code, stdout, stderr } = await kmkit(["keys", ...words, "--data", data, "--json"]);
  if (code !== 0 || stderr !== "") throw new Error(stderr);
  return JSON.parse(stdout);
}
const server = ["--product", "shop", "--kind", "server"];
const browser = ["--product", "shop", "--kind", "browser"];

describe("kmkit keys", () => {
  it("has a key's life: made before the collector, taken, replaced, revoked; it is told once and stands nowhere", async () => {
    const data = join(await temporary(), "data");
    const made = await kmkit(["keys", "create", ...server, "--label", "Shop \u001b[31mred", "--data", data]);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    const [key = ""] = made.stdout.split("\n");
    expect(key).toMatch(/^km_server_[0-9a-z]{32}$/);
    for (const part of ["the new product shop", "Keep it secret", "KMKIT_KEY", data, join(data, "admin-token"), "first key"])
      expect(made.stdout).toContain(part);
    for (const name of ["keys.json", "admin-token"]) expect((await stat(join(data, name))).mode & 0o777).toBe(0o600);
    expect((await stat(data)).mode & 0o777).toBe(0o700);

    const { url, greeting, signal } = await startCollector(["--data", data]);
    expect(greeting).toBe(`admin token for reading: in ${join(data, "admin-token")}\nkmkit collector ready on ${url}\n`);
    expect([await post(url, key), await post(url, "local"), await post(url, `${key}0`)]).toEqual([200, 401, 401]);
    // Which product it is need not be said while there is one.
    expect((await kmkit(["person", "bob", "--url", url, "--data", data])).stdout).toMatch(/^bob\n/);

    const { made: next, replaced } = await keys(data, "rotate", key, "--overlap", "30m");
    expect(next).toMatchObject({ product: "shop", kind: "server", label: "Shop \u001b[31mred", state: "valid" });
    expect(Date.parse(replaced.expires) - Date.now()).toBeGreaterThan(29 * 60_000);
    await answers(url, next.key, 200);
    expect(await post(url, key)).toBe(200);

    const revoked = await kmkit(["keys", "revoke", key, "--data", data]);
    expect(revoked).toMatchObject({ code: 0, stderr: "" });
    expect(revoked.stdout).toMatch(
      /^Revoked: server key \w+ \(km_server_.{4}…\) of product shop\n[\s\S]*KM_KEY_REFUSED[\s\S]*1 valid key left/,
    );
    await answers(url, key, 401);
    expect(await post(url, next.key)).toBe(200);
    await keys(data, "rotate", next.id, "--overlap", "0");
    await answers(url, next.key, 401);

    const table = await kmkit(["keys", "list", "--data", data]);
    expect(table.stdout).toMatch(/^ID +KEY +KIND +PRODUCT +CREATED \(UTC\) +STATE +LABEL\n/);
    expect(table.stdout.match(/ (revoked|ended|valid)( \d{4}-\d\d-\d\d \d\d:\d\d:\d\d)? +Shop \?\[31mred\n/g)).toHaveLength(3);
    const status = await (
      await fetch(`${url}/v1/status`, {
        headers: { authorization: `Bearer ${(await readFile(join(data, "admin-token"), "utf8")).trim()}` },
      })
    ).text();
    const outcome = await signal("SIGTERM");
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    const file = await readFile(join(data, "keys.json"), "utf8");
    for (const text of [revoked.stdout, table.stdout, status, outcome.stdout, file])
      for (const one of [key, next.key]) expect(text).not.toContain(one.slice(14));
    expect((await readdir(data)).sort()).toEqual(["admin-token", "keys.json", "outbox", "store"]);
  });

  it("closes a collector that was open with its first key, and the token for reading is there by then", async () => {
    const data = join(await temporary(), "data");
    const { url, greeting } = await startCollector(["--data", data]);
    expect(greeting).toBe(`kmkit collector ready on ${url}\n`);
    expect([await post(url, "local", command("eve", "before")), (await fetch(`${url}/v1/people/eve`)).status]).toEqual([200, 200]);
    const { key, adminToken, first } = await keys(data, "create", ...browser);
    expect([first, adminToken]).toEqual([true, join(data, "admin-token")]);
    const anonymous = "nbTo2Y6gBMjpu12wKz5pgPBeIXk=";
    await answers(url, key, 200);
    for (const path of ["people/eve", "people/eve?product=local", "status", "export"])
      expect([path, (await fetch(`${url}/v1/${path}`)).status]).toEqual([path, 401]);
    expect(await post(url, "local")).toBe(401);
    await fetch(`${url}/e?_k=${key}&_p=${encodeURIComponent(anonymous)}&_n=On+the+page`);
    await fetch(`${url}/e?_k=${key}&_p=bob&_n=Named`);
    const see = (...words: string[]) => kmkit(["person", ...words, "--url", url, "--data", data]);
    expect((await see(anonymous)).stdout).toContain("On the page");
    expect(await see("bob")).toMatchObject({ code: 3, stderr: expect.stringContaining("KM_PERSON_UNKNOWN") });
    expect((await see("eve", "--product", "local")).stdout).toContain("before");
  });

  it("revokes under load within a second", async () => {
    const data = await temporary();
    const { key, id } = await keys(data, "create", ...server);
    const { url } = await startCollector(["--data", data]);
    let [accepted, ending] = [0, false];
    const load = Array.from({ length: 8 }, async (_, n) => {
      while (!ending)
        if ((await post(url, key, Array.from({ length: 50 }, () => command(`load-${n}`, "x")).join("\n"))) === 200) accepted += 1;
    });
    await vi.waitFor(() => expect(accepted).toBeGreaterThan(50), { timeout: 20_000 });
    await keys(data, "revoke", id);
    await answers(url, key, 401, 1000);
    const then = accepted;
    for (const _ of [1, 2, 3]) expect(await post(url, key)).toBe(401);
    ending = true;
    await Promise.all(load);
    // At most what was on its way.
    expect(accepted - then).toBeLessThanOrEqual(8);
  });

  it("loses nothing when several processes change the keys at once", async () => {
    const data = await temporary();
    const first = await keys(data, "create", ...server);
    const all = await Promise.all([
      ...Array.from({ length: 6 }, (_, n) => keys(data, "create", "--product", `p${n}`, "--kind", "browser")),
      keys(data, "revoke", first.id),
    ]);
    const list = (await keys(data, "list")) as { id: string; state: string }[];
    expect(list.map(({ id }) => id).sort()).toEqual(all.map(({ id }) => id).sort());
    expect(list.filter(({ state }) => state === "revoked").map(({ id }) => id)).toEqual([first.id]);
    expect((await readdir(data)).sort()).toEqual(["admin-token", "keys.json"]);
  });

  it("makes keys count for a collector on other addresses, which still needs an admin token", async () => {
    const data = await temporary();
    await keys(data, "create", ...server);
    const { code, stderr } = await kmkit(["collector", "--port", "0", "--host", "0.0.0.0", "--data", data]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^kmkit: KM_OPEN_ADDRESS: /)]);
    const { greeting } = await startCollector(["--host", "0.0.0.0", "--admin", "t", "--data", data]);
    expect(greeting).toMatch(/^kmkit collector ready on http:\/\/0\.0\.0\.0:\d+\n$/);
  });

  it("says what is wrong, with a code, and ends with 1", async () => {
    const directory = await temporary();
    const [data, other, damaged] = ["data", "other", "damaged"].map((name) => join(directory, name)) as [string, string, string];
    await keys(data, "create", ...server);
    await mkdir(other);
    await writeFile(join(other, "letter.txt"), "Dear Bob");
    await mkdir(damaged);
    await writeFile(join(damaged, "keys.json"), '{"version":1,"ke');
    for (const [words, said] of [
      [["keys", "revoke", "nobody", "--data", data], /^kmkit: KM_KEY_UNKNOWN: .*keys list.*\(nobody\)\n$/],
      [["keys", "create", ...server, "--data", other], /^kmkit: KM_DATA_MISSING: .*--data.*other\)\n$/],
      [["keys", "list", "--data", join(directory, "nowhere")], /^kmkit: KM_DATA_MISSING: .*nowhere/],
      [
        ["keys", "revoke", "x", "--data", damaged],
        /^kmkit: KM_KEYS_BROKEN: .*remove it to have all of its keys refused.*damaged\/keys\.json: it is not JSON\)\n$/,
      ],
      [["collector", "--port", "0", "--data", damaged], /^kmkit: KM_KEYS_BROKEN: /],
      [["keys", "create", "--product", "a shop", "--kind", "server", "--data", data], /^kmkit: KM_PRODUCT_INVALID: .*\(a shop\)\n$/],
      [["keys", "create", ...server, "--trust-browser-identify", "--data", data], /^kmkit: .*--trust-browser-identify is for browser keys/],
    ] as const) {
      const { code, stdout, stderr } = await kmkit(words);
      expect([words, code, stdout]).toEqual([words, 1, ""]);
      expect(stderr).toMatch(said);
    }
    expect(await readdir(other)).toEqual(["letter.txt"]);
    expect(await keys(data, "list")).toHaveLength(1);
    await mkdir(join(directory, "empty", "store"), { recursive: true });
    expect((await kmkit(["keys", "list", "--data", join(directory, "empty")])).stdout).toMatch(/^No keys: .*open to this machine/);
  });

  it("on a full disk says that nothing was changed, and it is so", async () => {
    const data = await temporary();
    const { id } = await keys(data, "create", ...server);
    const words = [process.execPath, main, "keys", "revoke", id, "--data", data];
    const child = spawn("sh", ["-c", 'ulimit -f 0; exec "$@"', "sh", ...words], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (chunk) => {
      said += chunk;
    });
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(1);
    expect(said).toMatch(/^kmkit: KM_KEYS_UNWRITABLE: .*nothing was changed.*still opens.*EFBIG/);
    expect(await keys(data, "list")).toMatchObject([{ id, state: "valid" }]);
    expect((await readdir(data)).sort()).toEqual(["admin-token", "keys.json"]);
  });

  it.runIf(process.getuid?.() === 0)("by root keeps the files the collector's own: it would not see a key revoked otherwise", async () => {
    const data = await temporary();
    await chown(data, 1234, 5678);
    const { id } = await keys(data, "create", ...server);
    await keys(data, "revoke", id);
    for (const name of ["keys.json", "admin-token"])
      expect([name, (await stat(join(data, name))).uid, (await stat(join(data, name))).gid]).toEqual([name, 1234, 5678]);
  });
});
