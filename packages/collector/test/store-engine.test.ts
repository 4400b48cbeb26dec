import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bind } from "../src/store/bind.ts";
import { openChdb } from "../src/store/chdb.ts";
import { isBadRow } from "../src/store/engine.ts";
import { alias, name, type Opened, openTemporary, record, set, uuid } from "./store-fixture.ts";

const chdbPath = createRequire(import.meta.url).resolve("chdb");

let opened: Opened;
beforeAll(async () => {
  opened = await openTemporary();
});
afterAll(() => opened.end());

const hostile = [
  "",
  "'",
  "\\",
  "\\'",
  "a\0b",
  "\b\f\n\r\t",
  "'; DROP TABLE km.commands; --",
  "{p:UInt32}",
  "$& $1 $$",
  "🙂",
  "\u2028",
  "%_",
  "\\N",
  "\u0007\u001b\u007f",
];

describe("bind", () => {
  it("brings any text back as it was", async () => {
    const texts = fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...hostile), fc.string()), { maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(texts, fc.string({ unit: "binary" }), async (list, one) => {
        const [row] = await opened.engine.query<{ list: string[]; one: string }>(
          "SELECT {list:Array(String)} AS list, {one:String} AS one",
          { list, one },
        );
        expect(row).toEqual({ list: list.map((text) => text.toWellFormed()), one: one.toWellFormed() });
      }),
      {
        numRuns: 60,
        examples: [
          [hostile, "'"],
          [[], ""],
        ],
      },
    );
  });

  it("brings numbers, booleans and maps back as they were", async () => {
    const big = ["18446744073709551615", "0", "9007199254740993"];
    const sql = `SELECT arrayMap(x -> toString(x), {big:Array(UInt64)}) AS big, toString({one:UInt64}) AS one, {small:UInt32} AS small,
      {float:Float64} AS float, {yes:Bool} AS yes, {map:Map(String, String)} AS map, {none:Map(String, UInt64)} AS none, toString({low:Int64}) AS low`;
    const map = new Map([["it's", "a\\b"]]);
    const params = { big, one: 2n ** 63n, small: 7, float: -1.5e-7, yes: true, map, none: new Map(), low: -(2n ** 63n) };
    expect(await opened.engine.query(sql, params)).toEqual([
      {
        big,
        one: "9223372036854775808",
        small: 7,
        float: -1.5e-7,
        yes: true,
        map: { "it's": "a\\b" },
        none: {},
        low: "-9223372036854775808",
      },
    ]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }), async (x) => {
        const [row] = await opened.engine.query<{ x: number[] }>("SELECT arrayMap(v -> toFloat64(v), {x:Array(Float64)}) AS x", { x });
        expect(row?.x.map((value) => value + 0)).toEqual(x.map((value) => value + 0));
      }),
      { numRuns: 30, examples: [[[-3968740187695249, -5e-324, 2 ** 53, 1e21]]] },
    );
  });

  it("takes a long list", async () => {
    const list = Array.from({ length: 100_000 }, (_, n) => String(n));
    expect(await opened.engine.query("SELECT count() AS n FROM numbers(10) WHERE number IN {list:Array(UInt64)}", { list })).toEqual([
      { n: 10 },
    ]);
  });

  it.each([
    ["{x:Float64}", Number.NaN],
    ["{x:Float64}", Number.POSITIVE_INFINITY],
    ["{x:UInt32}", 1.5],
    ["{x:UInt32}", -1],
    ["{x:UInt32}", 2 ** 32],
    ["{x:UInt64}", "1 OR 1=1"],
    ["{x:UInt64}", 2 ** 60],
    ["{x:UInt64}", "18446744073709551616"],
    ["{x:String}", 5],
    ["{x:Bool}", "true"],
    ["{x:Array(String)}", "a"],
    ["{x:Nullable(String)}", "a"],
    ["{y:String}", "a"],
    ["{toString:String}", "a"],
  ])("refuses %s given %s", (sql, x) => {
    expect(() => bind(sql, { x })).toThrow(TypeError);
  });
});

describe("chDB", () => {
  it("leaves the event loop alone during a slow query, and a slow report leaves the other lanes alone", async () => {
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 5);
    const begin = performance.now();
    const slow = opened.engine
      .query("SELECT toString(sum(sipHash64(number))) AS n FROM numbers(300000000)", {}, "report")
      .then(() => performance.now() - begin);
    const quick = opened.engine.query("SELECT 1 AS one").then(() => performance.now() - begin);
    const write = opened.engine.query("SELECT 1 AS one", {}, "write").then(() => performance.now() - begin);
    const took = await slow;
    clearInterval(timer);
    expect(took).toBeGreaterThan(200);
    expect(ticks).toBeGreaterThan(took / 5 / 3);
    expect(await quick).toBeLessThan(took / 2);
    expect(await write).toBeLessThan(took / 2);
  });

  it.each([
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "INSERT INTO km.people VALUES (1, 1, 1)",
    "SELECT 1; INSERT INTO km.people VALUES (1, 1, 1)",
    "SET readonly = 0",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "DROP TABLE km.people",
  ])("refuses on the lanes that only read: %s", async (sql) => {
    for (const lane of ["quick", "report"] as const)
      await expect(opened.engine.query(sql, {}, lane)).rejects.toMatchObject({ code: "KM_INTERNAL" });
    expect(await opened.engine.query("SELECT count() AS n FROM km.people")).toEqual([{ n: 0 }]);
  });

  it("goes on after an error, and stops a query that eats too much", async () => {
    await expect(opened.engine.query("SELECT nope")).rejects.toMatchObject({ code: "KM_INTERNAL" });
    await expect(opened.engine.query("SELECT length(groupArray(number)) FROM numbers(1000000000)")).rejects.toMatchObject({
      code: "KM_INTERNAL",
    });
    expect(await opened.engine.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it.each([
    ["a row that fails", "SELECT number, throwIf(number = 500000) FROM numbers(1000000)"],
    ["a second statement that fails", "SELECT 1; SELECT nope"],
  ])("never lets the rows of a failed statement into the next answer: %s", async (_, sql) => {
    for (const lane of ["write", "quick", "report"] as const) {
      const failed = opened.engine.query(sql, {}, lane);
      const next = opened.engine.query("SELECT 42 AS answer", {}, lane);
      await expect(failed).rejects.toMatchObject({ code: "KM_INTERNAL" });
      expect(await next).toEqual([{ answer: 42 }]);
    }
  });

  it.each([
    ["no JSON", "garbage"],
    ["cut off", record("a", "b").slice(0, -2)],
    ["a lone surrogate", record("a", "b").replace('"b"', '"\\ud83d"')],
    ["no UUID", record("a", "b", {}, { id: "zz" })],
    ["an unknown type", record("a", "b").replace("record", "recall")],
    ["a negative product", record("a", "b", {}, { product: -1 })],
    ["a field twice", `${record("a", "b").slice(0, -1)},"name":"c"}`],
    ["a bad name row", name("event", "B", 1).replace('"event"', '"thing"')],
    ["an alias that is no JSON", `${alias("a", "b")}x`],
  ])("tells a row that is refused for its content: %s", async (_, bad) => {
    const fine = [record("x", "y"), set("x", { z: "1" })];
    const error = await opened.store.write([...fine, bad, ...fine]).catch((reason: unknown) => reason);
    expect(isBadRow(error)).toBe(true);
    expect(error).toMatchObject({ code: "KM_REJECTED", detail: expect.stringMatching(/row|alias/) });
  });

  it("tells a passing fault from a bad row", async () => {
    const error = await opened.engine.insert("km.nothing", ["a"], Buffer.from('{"a":1}\n')).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "KM_INTERNAL" });
    expect(isBadRow(error)).toBe(false);
  });

  it("opens again what it closed, another directory in between, and refuses calls after the end", async () => {
    await opened.store.write([record("reopened", "x", {}, { id: uuid(0xfeed) })]);
    const before = opened.engine;
    await opened.store.close();
    await opened.store.close();
    await expect(before.query("SELECT 1")).rejects.toMatchObject({ code: "KM_INTERNAL" });
    const other = await openTemporary();
    expect(await other.store.person(1, "reopened")).toBeUndefined();
    await expect(openChdb(opened.directory)).rejects.toMatchObject({ code: "KM_STORE_BROKEN" });
    const pending = other.engine.query<{ n: number }>("SELECT sum(number) AS n FROM numbers(50000000)", {}, "report");
    await other.end();
    expect(await pending).toHaveLength(1);
    await opened.reopen();
    expect((await opened.store.person(1, "reopened"))?.events).toHaveLength(1);
  });

  it("streams what is far more than a block, and tells of a fault in the middle", async () => {
    let [rows, blocks] = [0, 0];
    for await (const block of opened.engine.stream<{ n: number }>("SELECT toUInt32(number) AS n FROM numbers({count:UInt32})", {
      count: 50_000,
    })) {
      blocks += 1;
      for (const { n } of block) expect(n).toBe(rows++);
    }
    expect(rows).toBe(50_000);
    expect(blocks).toBeGreaterThan(100);
    const failing = opened.engine.stream<{ n: number }>("SELECT throwIf(number = 20000) AS n FROM numbers(50000)");
    await expect(
      (async () => {
        for await (const _ of failing);
      })(),
    ).rejects.toMatchObject({ code: "KM_INTERNAL" });
    await expect(opened.engine.stream("INSERT INTO km.names (product) VALUES (1)").next()).rejects.toMatchObject({ code: "KM_INTERNAL" });
    expect(await opened.engine.query("SELECT 1 AS n", {}, "report")).toEqual([{ n: 1 }]);
  });

  it.each([
    ["its reader stopped", true],
    ["it is read", false],
  ])("lets go of the directory when it is closed, also of a stream: %s", async (_, stopped) => {
    const rows = opened.engine.stream<{ n: number }>("SELECT number AS n FROM numbers(1000000)");
    expect((await rows.next()).done).toBe(false);
    if (stopped) await rows.return();
    await opened.store.close();
    // A process has one directory open at a time.
    const other = await openTemporary();
    if (!stopped) await expect(rows.next()).rejects.toMatchObject({ code: "KM_INTERNAL" });
    expect(await other.engine.query("SELECT 1 AS n")).toEqual([{ n: 1 }]);
    await other.end();
    await opened.reopen();
  });
});

describe("a directory that cannot be opened", () => {
  it("is told from one that another process holds", async () => {
    const directory = await mkdtemp(join(tmpdir(), "kmkit-held-"));
    const script = `const { Session } = require(${JSON.stringify(chdbPath)}); new Session(${JSON.stringify(directory)}); console.log("open"); setInterval(() => {}, 1000)`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    await opened.store.close();
    const error = await openChdb(directory).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "KM_STORE_LOCKED", detail: expect.stringContaining(String(child.pid)), cause: expect.any(Error) });
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    // The file that named the process is still there, but nobody holds the directory.
    await (await openChdb(directory)).close();
    await rm(directory, { recursive: true });
    await opened.reopen();
  });

  it("is broken if it is a file or damaged", async () => {
    const directory = await mkdtemp(join(tmpdir(), "kmkit-broken-"));
    await opened.store.close();
    await writeFile(join(directory, "file"), "");
    await expect(openChdb(join(directory, "file"))).rejects.toMatchObject({ code: "KM_STORE_BROKEN", cause: expect.any(Error) });
    await mkdir(join(directory, "store", "metadata"), { recursive: true });
    await writeFile(join(directory, "store", "metadata", "km.sql"), "garbage");
    await expect(openChdb(join(directory, "store"))).rejects.toMatchObject({ code: "KM_STORE_BROKEN", cause: expect.any(Error) });
    await rm(directory, { recursive: true });
    await opened.reopen();
  });

  it("is missing its engine if chdb is not installed", async () => {
    const hook =
      'export const resolve = (s, c, next) => { if (s === "chdb") throw Object.assign(new Error("not here"), { code: "ERR_MODULE_NOT_FOUND" }); return next(s, c); }';
    const setUp = `import { register } from "node:module"; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});`;
    const script = `const { openChdb } = await import(${JSON.stringify(new URL("../dist/store/chdb.js", import.meta.url).href)});
      await openChdb("nowhere").catch((error) => console.log(error.code, error.message));`;
    const args = ["--import", `data:text/javascript,${encodeURIComponent(setUp)}`, "--input-type=module", "-e", script];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(stdout).toMatch(/^KM_STORE_MISSING .*npm install chdb/);
  });
});
