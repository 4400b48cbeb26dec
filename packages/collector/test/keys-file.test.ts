import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { createCollector, createKey, listKeys, revokeKey, rotateKey } from "../src/index.ts";
import { changeKeys } from "../src/keychange.ts";
import type { KeyEntry } from "../src/keyfile.ts";
import { createAccess } from "../src/keys.ts";
import { KeyWatch } from "../src/keywatch.ts";
import { get, person, post, type Running, record, runCollector, somebody } from "./collector-fixture.ts";
import { listen } from "./live-fixture.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kmkit-keys-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
});

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const file = (at = directory) => join(at, "keys.json");
const read = async (at = directory) => JSON.parse(await readFile(file(at), "utf8")) as { version: number; keys: Record<string, unknown>[] };
/** As whoever writes the file by other means: never half of it. */
async function write(content: unknown, at = directory): Promise<void> {
  await writeFile(join(at, "next"), typeof content === "string" ? content : JSON.stringify(content));
  await rename(join(at, "next"), file(at));
}
const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "fine",
    (error) => error.code,
  );
const shop = { product: "shop", kind: "server" } as const;

describe("the file of keys", () => {
  it("holds hash, beginning and what people need, readable by its owner only, and never the key", async () => {
    const { key, id, first, newProduct } = await createKey(directory, {
      product: "shop",
      kind: "browser",
      label: " Page ",
      trustBrowserIdentify: true,
    });
    expect(key).toMatch(/^km_browser_[0-9a-z]{32}$/);
    expect([first, newProduct]).toEqual([true, true]);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    const text = await readFile(file(), "utf8");
    expect(text).not.toContain(key.slice(-20));
    expect(JSON.parse(text)).toEqual({
      version: 1,
      keys: [
        {
          id,
          hash: expect.stringMatching(/^[0-9a-f]{64}$/),
          start: key.slice(0, 15),
          product: "shop",
          kind: "browser",
          label: "Page",
          trustBrowserIdentify: true,
          created: expect.stringMatching(/^\d{4}-.*Z$/),
        },
      ],
    });
    const second = await createKey(directory, shop);
    expect(second).toMatchObject({ first: false, newProduct: false, state: "valid" });
    expect(second.key).toMatch(/^km_server_[0-9a-z]{32}$/);
    expect(JSON.stringify(await listKeys(directory))).not.toMatch(/hash|[0-9a-f]{64}/);
    // Nothing is left of the writing.
    expect(await readdir(directory)).toEqual(["keys.json"]);
  });

  it("loses nothing when many change it at once", async () => {
    const made = await Promise.all(Array.from({ length: 20 }, (_, n) => createKey(directory, { product: `p${n}`, kind: "server" })));
    expect(made.filter(({ first }) => first)).toHaveLength(1);
    await Promise.all([...made.slice(0, 10).map(({ id }) => revokeKey(directory, id)), createKey(directory, shop)]);
    const all = await listKeys(directory);
    expect(all.map(({ product }) => product).sort()).toEqual([...made.map(({ product }) => product), "shop"].sort());
    expect(
      all
        .filter(({ state }) => state === "revoked")
        .map(({ id }) => id)
        .sort(),
    ).toEqual(
      made
        .slice(0, 10)
        .map(({ id }) => id)
        .sort(),
    );
    expect(await readdir(directory)).toEqual(["keys.json"]);
  });

  it("is changed also where a process died in the midst of it", async () => {
    await createKey(directory, shop);
    const lock = join(directory, "keys.lock");
    await writeFile(lock, "of a process that is no more");
    const before = new Date(Date.now() - 60_000);
    await utimes(lock, before, before);
    await Promise.all([1, 2, 3].map(() => createKey(directory, shop)));
    expect(await listKeys(directory)).toHaveLength(4);
    expect(await readdir(directory)).toEqual(["keys.json"]);
  });

  it("is changed anew by whoever has lost the lock meanwhile, having been stopped for long", async () => {
    await createKey(directory, shop);
    const lock = join(directory, "keys.lock");
    const seen: number[] = [];
    await changeKeys(file(), (keys = []) => {
      seen.push(keys.length);
      if (seen.length === 1) {
        // Another one finds the lock abandoned, takes it, revokes the key, and dies.
        writeFileSync(file(), readFileSync(file(), "utf8").replace('"created"', '"revoked": "2026-01-01T00:00:00Z", "created"'));
        writeFileSync(lock, "another's");
        utimesSync(lock, 0, 0);
      }
      return { keys: [...keys, { ...(keys[0] as KeyEntry), id: "more", hash: "0".repeat(64) }], result: undefined };
    });
    expect(seen).toEqual([1, 1]);
    expect(await listKeys(directory)).toMatchObject([{ state: "revoked" }, { id: "more" }]);
  });

  it("stays as it is where another process changes it for ever", async () => {
    const { id } = await createKey(directory, shop);
    // A lock that nobody can take, and a clock by which we have waited long enough.
    await mkdir(join(directory, "keys.lock"));
    vi.spyOn(performance, "now").mockReturnValueOnce(-1e6);
    onTestFinished(() => void vi.restoreAllMocks());
    expect(await code(revokeKey(directory, id))).toBe("KM_KEYS_LOCKED");
    expect(await listKeys(directory)).toMatchObject([{ state: "valid" }]);
  });

  it.each<[string, unknown, RegExp]>([
    ["half of it", '{"version":1,"keys":[{"id"', /it is not JSON/],
    ["empty", "", /it is not JSON/],
    ["a list", [], /has version undefined/],
    ["of a later version", { version: 2, keys: [] }, /version 2.*reads 1/],
    ["without keys", { version: 1 }, /keys is not a list/],
    ["with a key that is none", { version: 1, keys: [null] }, /key 1 is not an object/],
    ["with a hash that is none", { version: 1, keys: [{ id: "aaaa", hash: "x" }] }, /key 1 has no good hash/],
  ])("that is %s is refused with KM_KEYS_BROKEN and what is wrong, by everything, and left as it is", async (_, content, said) => {
    await write(content);
    const text = await readFile(file(), "utf8");
    for (const work of [
      () => createKey(directory, shop),
      () => listKeys(directory),
      () => revokeKey(directory, "x"),
      () => rotateKey(directory, "x", 0),
      () => createCollector({ directory }),
    ]) {
      await expect(work()).rejects.toMatchObject({ code: "KM_KEYS_BROKEN", message: expect.stringMatching(said) });
    }
    expect(await readFile(file(), "utf8")).toBe(text);
  });

  it("is refused where an entry is not understood to the last word: it could be a misspelt restriction", async () => {
    await createKey(directory, shop);
    const good = await read();
    const [key] = good.keys;
    for (const wrong of [
      { revokd: "2026-01-01T00:00:00Z" },
      { revoked: true },
      { revoked: null },
      { expires: "soon" },
      { expires: 1 },
      { kind: "admin" },
      { product: "" },
      { product: "a/b" },
      { trustBrowserIdentify: "no" },
      { start: undefined },
    ]) {
      await write({ ...good, keys: [{ ...key, ...wrong }] });
      expect([wrong, await code(listKeys(directory))]).toEqual([wrong, "KM_KEYS_BROKEN"]);
    }
    await write({ ...good, keys: [key, key] });
    expect(await code(listKeys(directory))).toBe("KM_KEYS_BROKEN");
    await write({ ...good, keys: [key, { ...key, id: "other" }] });
    expect(await code(listKeys(directory))).toBe("KM_KEYS_BROKEN");
    await write({ ...good, keys: [key, { ...key, id: "other", hash: "0".repeat(64), revoked: "2026-01-01T00:00:00Z" }] });
    expect(await listKeys(directory)).toMatchObject([{ state: "valid" }, { state: "revoked" }]);
  });

  it("is made only in a data directory, or in one that is empty or not there yet", async () => {
    const below = join(directory, "new", "data");
    await createKey(below, shop);
    expect((await stat(below)).mode & 0o777).toBe(0o700);
    const home = join(directory, "home");
    await mkdir(home);
    await createKey(home, shop);
    await rm(file(home));
    await writeFile(join(home, "letter.txt"), "Dear Bob");
    for (const at of [home, join(home, "letter.txt"), join(home, "letter.txt", "below")])
      expect([at, await code(createKey(at, shop))]).toEqual([at, "KM_DATA_MISSING"]);
    for (const at of [home, join(directory, "nowhere")]) {
      for (const work of [() => listKeys(at), () => revokeKey(at, "x"), () => rotateKey(at, "x", 0)])
        expect(await code(work())).toBe("KM_DATA_MISSING");
    }
    expect(await readdir(home)).toEqual(["letter.txt"]);
    await mkdir(join(directory, "fresh", "store"), { recursive: true });
    expect(await listKeys(join(directory, "fresh"))).toEqual([]);
    expect(await code(revokeKey(join(directory, "fresh"), "x"))).toBe("KM_KEY_UNKNOWN");
  });

  it("finds a key by its id, the beginning of that, itself, and its own beginning, never by less", async () => {
    const made = await createKey(directory, shop);
    const other = await createKey(directory, shop);
    const found = async (which: string) => (await revokeKey(directory, which)).key.id;
    for (const which of [made.id, made.id.slice(0, 6), made.key, made.start, made.key.slice(0, 25)])
      expect(await found(which)).toBe(made.id);
    const unlike = `${made.key.slice(0, -1)}${made.key.endsWith("0") ? "1" : "0"}`;
    for (const which of ["", "km_", "km_server_", made.id.slice(0, 1), `${made.id}0`, unlike, "nobody"]) {
      expect([which, await code(revokeKey(directory, which))]).toEqual([which, "KM_KEY_UNKNOWN"]);
    }
    expect((await listKeys(directory)).find(({ id }) => id === other.id)?.state).toBe("valid");
    const { keys } = await read();
    await write({ version: 1, keys: keys.map((key, n) => ({ ...key, id: `same${n}` })) });
    await expect(revokeKey(directory, "same")).rejects.toMatchObject({
      code: "KM_KEY_AMBIGUOUS",
      message: expect.stringContaining("same0, same1"),
    });
  });

  it("refuses the name of a product that is none, or that would be one with another in the store", async () => {
    for (const product of ["", "a b", "a/b", "..", "-x", "ä", "x".repeat(65), "a\n"])
      expect([product, await code(createKey(directory, { product, kind: "server" }))]).toEqual([product, "KM_PRODUCT_INVALID"]);
    expect(await readdir(directory)).toEqual([]);
    const [one, another] = sameNumber;
    await createKey(directory, { product: one, kind: "server" });
    await expect(createKey(directory, { product: another, kind: "server" })).rejects.toMatchObject({
      code: "KM_PRODUCT_INVALID",
      message: expect.stringContaining(one),
    });
    const { keys } = await read();
    await write({ version: 1, keys: [...keys, { ...keys[0], id: "other", hash: "0".repeat(64), product: another }] });
    expect(await code(createCollector({ directory }))).toBe("KM_KEYS_BROKEN");
  });

  it("rotates with an overlap that is never longer than what is left, and ends a key for good", async () => {
    const first = await createKey(directory, { product: "shop", kind: "browser", label: "Page", trustBrowserIdentify: true });
    const { made, replaced } = await rotateKey(directory, first.id, 1000);
    expect(made).toMatchObject({
      product: "shop",
      kind: "browser",
      label: "Page",
      trustBrowserIdentify: true,
      state: "valid",
      first: false,
    });
    expect(replaced).toMatchObject({ id: first.id, state: "valid" });
    const again = await rotateKey(directory, first.id, 86_400_000);
    expect(again.replaced.expires).toBe(replaced.expires);
    const { replaced: ended } = await rotateKey(directory, made.id, 0);
    expect(ended.state).toBe("expired");
    expect(await code(rotateKey(directory, made.id, 1000))).toBe("KM_KEY_ENDED");
    const revoked = await revokeKey(directory, again.made.id);
    expect(await revokeKey(directory, again.made.id)).toMatchObject({ already: true, key: { revoked: revoked.key.revoked } });
    expect(await code(rotateKey(directory, again.made.id, 1000))).toBe("KM_KEY_ENDED");
  });
});

describe("a watch of the file", () => {
  it("says once what is wrong, until it is right again", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const codes: string[] = [];
    const access = createAccess([], undefined);
    const watch = new KeyWatch(file(), access, ({ code }) => codes.push(code));
    watch.start();
    const look = (times = 1) => vi.advanceTimersByTime(250 * times);
    look(4);
    expect([access.open, codes]).toEqual([true, []]);
    const { key, id } = await createKey(directory, shop);
    look();
    expect([access.open, access.writer(key)?.name, codes]).toEqual([false, "shop", []]);
    const good = await read();
    for (const content of ["{", "[]", { version: 2 }]) {
      await write(content);
      look(3);
      expect([access.writer(key)?.name, codes]).toEqual(["shop", ["KM_KEYS_BROKEN"]]);
    }
    await rm(file());
    look(3);
    expect([access.writer(key), codes]).toEqual([undefined, ["KM_KEYS_BROKEN", "KM_KEYS_MISSING"]]);
    await write(good);
    look();
    expect(access.writer(key)?.name).toBe("shop");
    await write("{");
    look(3);
    expect(codes).toEqual(["KM_KEYS_BROKEN", "KM_KEYS_MISSING", "KM_KEYS_BROKEN"]);
    await write(good);
    await revokeKey(directory, id);
    look();
    expect(access.writer(key)).toBeUndefined();
    watch.stop();
    await write(good);
    look(3);
    expect(access.writer(key)).toBeUndefined();
  });
});

describe("a running collector", () => {
  let running: Running;
  let at: string;
  let token: string | undefined;
  const admin = { authorization: "Bearer the-token" };
  beforeAll(async () => {
    at = await mkdtemp(join(tmpdir(), "kmkit-keys-running-"));
    running = await runCollector({ directory: at, admin: () => token });
  });
  afterAll(async () => {
    await running.end();
    await rm(at, { recursive: true, force: true });
  });
  const send = async (key: string) => (await post(running.url, record("x", "x"), bearer(key))).status;
  /** Waits until the collector answers so. */
  const answers = (key: string, status: number, timeout = 5000) =>
    vi.waitFor(async () => expect(await send(key)).toBe(status), { timeout, interval: 10 });
  const reported = () => running.errors.map((error) => error.code);

  it("that is open is so no longer with the first key, at once and for good", async () => {
    const who = somebody();
    expect(running.collector.open).toBe(true);
    await post(running.url, record(who, "while it was open"));
    expect((await person(running.url, who)).events).toHaveLength(1);
    const looking = await listen(running.url);
    const { key } = await createKey(at, shop);
    await answers(key, 200);
    expect(running.collector.open).toBe(false);
    // Who began to look on while everybody might has seen the last of it.
    await looking.ended;
    expect(looking.events.at(-1)).toMatchObject({ event: "end", data: { code: "KM_TOKEN_REFUSED" } });
    expect(await send("local")).toBe(401);
    const status = async (headers: Record<string, string>, query: string) =>
      (await get(`${running.url}/v1/people/${who}${query}`, headers)).status;
    // Nobody may read as long as there is no token; then whoever has it. What came before is still to be read.
    for (const headers of [{}, admin, bearer("undefined"), bearer(key)]) expect(await status(headers, "?product=local")).toBe(401);
    token = "the-token";
    for (const headers of [{}, bearer("local"), bearer(key)]) expect(await status(headers, "?product=local")).toBe(401);
    expect(await status(admin, "?product=local")).toBe(200);
    expect(await status(admin, "")).toBe(404);
    await post(running.url, record(who, "for shop"), bearer(key));
    expect((await get(`${running.url}/v1/people/${who}`, admin)).json.events).toMatchObject([{ name: "for shop" }]);
    await revokeKey(at, key);
    await answers(key, 401);
    expect([running.collector.open, await send("local"), await status({}, "?product=local")]).toEqual([false, 401, 401]);
    // Its keys are gone, its people are not.
    expect(await status(admin, "?product=shop")).toBe(200);
  });

  it("refuses a revoked key within a second, under load, by both ways in", async () => {
    const { key, id } = await createKey(at, shop);
    await answers(key, 200);
    let [sent, ending] = [0, false];
    const load = Array.from({ length: 8 }, async (_, n) => {
      for (; !ending; sent++) {
        if (n % 2 === 0) await post(running.url, record(`load-${n}`, "x"), bearer(key));
        else await (await fetch(`${running.url}/e?_k=${key}&_p=load-${n}&_n=x${sent}`)).arrayBuffer();
      }
    });
    await vi.waitFor(() => expect(sent).toBeGreaterThan(50), { timeout: 20_000 });
    await revokeKey(at, id);
    await answers(key, 401, 1000);
    const { KM_KEY_REFUSED: before = 0 } = (await get(`${running.url}/v1/status`, admin)).json.rejected;
    await (await fetch(`${running.url}/e?_k=${key}&_p=after&_n=x`)).arrayBuffer();
    ending = true;
    await Promise.all(load);
    expect((await get(`${running.url}/v1/status`, admin)).json.rejected.KM_KEY_REFUSED).toBeGreaterThan(before);
    expect((await get(`${running.url}/v1/people/after?product=shop`, admin)).status).toBe(404);
  });

  it.each(["/v1/commands", "/v1/products/any/tracking/e"])(
    "refuses a body that was on its way to %s when its key was revoked",
    async (path) => {
      const { key, id } = await createKey(at, shop);
      await answers(key, 200);
      const who = somebody();
      let finish = () => {};
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          // One line of JSON, which is a batch of one classic call as well.
          controller.enqueue(Buffer.from(record(who, "x")));
          finish = () => controller.close();
        },
      });
      const slow = running.collector.fetch(
        new Request(running.url + path, { method: "POST", headers: bearer(key), body, duplex: "half" } as RequestInit),
      );
      await revokeKey(at, id);
      await answers(key, 401);
      finish();
      expect((await slow).status).toBe(401);
      expect((await get(`${running.url}/v1/people/${who}?product=shop`, admin)).status).toBe(404);
    },
  );

  it("takes both keys in the overlap of a rotation, and the old one not a moment longer", async () => {
    const old = await createKey(at, shop);
    const { made } = await rotateKey(at, old.id, 3_600_000);
    await answers(made.key, 200);
    expect(await send(old.key)).toBe(200);
    // The end of the overlap, as the file says it.
    const { keys } = await read(at);
    const over = new Date(Date.now() - 1).toISOString();
    await write({ version: 1, keys: keys.map((key) => (key.id === old.id ? { ...key, expires: over } : key)) }, at);
    await answers(old.key, 401);
    expect(await send(made.key)).toBe(200);
  });

  it("goes on with the keys it has when the file becomes bad, says so once, and takes the next good one", async () => {
    const { key, id } = await createKey(at, shop);
    await answers(key, 200);
    const good = await read(at);
    const count = () => reported().filter((one) => one === "KM_KEYS_BROKEN").length;
    expect(count()).toBe(0);
    await write({ version: 1, keys: [{ ...good.keys[0], revokd: "" }] }, at);
    await vi.waitFor(() => expect(count()).toBe(1), { timeout: 5000 });
    expect(await send(key)).toBe(200);
    await write({ ...good, keys: good.keys.map((one) => (one.id === id ? { ...one, revoked: "2026-01-01T00:00:00Z" } : one)) }, at);
    await answers(key, 401);
    // Once more bad is once more said.
    await write("{", at);
    await vi.waitFor(() => expect(count()).toBe(2), { timeout: 5000 });
    expect(JSON.stringify(running.errors.map((error) => error.message))).not.toMatch(/hash|[0-9a-f]{64}|km_server_.{8}/);
    await write(good, at);
    await answers(key, 200);
  });

  it("takes no key of a file that is gone, says so once, and does not open", async () => {
    const { key } = await createKey(at, shop);
    await answers(key, 200);
    await rename(file(at), join(at, "aside"));
    await answers(key, 401);
    expect([running.collector.open, await send("local"), (await get(`${running.url}/v1/status`)).status]).toEqual([false, 401, 401]);
    expect(reported().filter((one) => one === "KM_KEYS_MISSING")).toHaveLength(1);
    expect((await get(`${running.url}/v1/people/nobody?product=shop`, admin)).json.code).toBe("KM_PERSON_UNKNOWN");
    await rename(join(at, "aside"), file(at));
    await answers(key, 200);
  });

  it("takes a file again that could not be opened for a while", async () => {
    const { key } = await createKey(at, shop);
    await rename(file(at), join(at, "aside"));
    // A link to itself cannot be opened.
    await symlink("keys.json", file(at));
    const before = reported().length;
    await vi.waitFor(() => expect(reported().slice(before)).toContain("KM_KEYS_BROKEN"), { timeout: 5000 });
    await rename(join(at, "aside"), file(at));
    await answers(key, 200);
  });
});

/** Two names whose hashes begin with the same 32 bits. */
const sameNumber = ["product-53957", "product-59342"] as const;
