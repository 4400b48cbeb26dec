import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { platform, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadRows } from "../harness/catalogue.js";
import { picture } from "../harness/picture.js";
import { markdown, table, word } from "../harness/report.js";
import type { Row } from "../harness/row.js";
import { chosen, runRows } from "../harness/run.js";
import { median, rounds, short, spread } from "../harness/statistics.js";

const program = join(import.meta.dirname, "../bench.js");
const mark = randomUUID();
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bench-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The command, with its scratch in a folder of the test's own. */
async function command(...args: string[]): Promise<{ code: number; out: string }> {
  const env = { ...process.env, BENCH_TEST: mark, TMPDIR: folder };
  return promisify(execFile)(process.execPath, [program, ...args], { env }).then(
    ({ stdout }) => ({ code: 0, out: stdout }),
    (error) => ({ code: error.code, out: error.stdout + error.stderr }),
  );
}

/** Processes that the command started and that are still there. */
function leftRunning(): string[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`BENCH_TEST=${mark}`);
      } catch {
        return false;
      }
    });
}

/** A run in which nothing is measured: what the rows would measure is planted. */
const planted = (measured: Record<string, unknown>) => ({
  quick: true,
  tiny: true,
  rounds: 1,
  rivals: [],
  log: () => {},
  turn: { take: async () => {}, release: async () => {} },
  measured: new Map(Object.entries(measured)),
});

const rowsOf = async (...ids: string[]) => chosen(await loadRows(), { only: ids.join(",") });

describe("the command", () => {
  it("measures ours, the floor and the harness itself, writes all it promises, and leaves nothing behind", async () => {
    const out = join(folder, "out");
    const only = "record,record-p99,cpu,wire,memory,express-cpu,express-arrived,kill";
    const { code, out: said } = await command("--tiny", "--peers=none", `--only=${only}`, `--out=${out}`);
    expect(said).toContain("§1 Cost in the app");
    expect(said).toContain("§2 Nothing is lost");
    expect(code).toBe(0);
    const { rows } = JSON.parse(readFileSync(join(out, "results.json"), "utf8")) as { rows: Record<string, unknown>[] };
    expect(rows.map(({ id }) => id)).toEqual(only.split(","));
    expect(rows.filter(({ failed }) => failed !== undefined)).toEqual([]);
    for (const row of rows) expect([row.id, row.median]).toEqual([row.id, expect.any(Number)]);
    expect(rows.find(({ id }) => id === "kill")).toMatchObject({ ours: [0], reached: "yes" });
    const text = readFileSync(join(out, "RESULTS.md"), "utf8");
    for (const part of [
      "**Machine**",
      process.version,
      "none in this run",
      "| one record() with 3 properties, 100,000 back to back | µs |",
    ]) {
      expect(text).toContain(part);
    }
    const drawing = readFileSync(join(out, "results.svg"), "utf8");
    expect(drawing).toMatch(/^<svg [\s\S]*prefers-color-scheme: dark[\s\S]*kmkit[\s\S]*hand-written[\s\S]*<\/svg>\n$/);
    expect(readdirSync(folder).filter((name) => name.startsWith("kmkit-bench"))).toEqual([]);
    if (platform() === "linux") expect(leftRunning()).toEqual([]);
  }, 60_000);

  it("measures the collector as well", async () => {
    const out = join(folder, "collector");
    const only = "door-commands,door-pixels,live,live-stuck,sustained,alias,relink,size,trend,person";
    expect(await command("--tiny", "--peers=none", `--only=${only}`, `--out=${out}`)).toMatchObject({ code: 0 });
    const { rows } = JSON.parse(readFileSync(join(out, "results.json"), "utf8")) as { rows: Record<string, unknown>[] };
    expect(rows.map(({ id, failed }) => [id, failed]).sort()).toEqual(
      only
        .split(",")
        .map((id) => [id, undefined])
        .sort(),
    );
    expect(rows.find(({ id }) => id === "sustained")?.note).toMatch(/^([\d,]+) stored of \1 acknowledged/);
    expect(rows.find(({ id }) => id === "trend")).toMatchObject({ reached: "no", note: expect.stringMatching(/no address/) });
    if (platform() === "linux") expect(leftRunning()).toEqual([]);
  }, 60_000);

  it("is a report, and a gate only if asked", async () => {
    // Not reached while there is no script, and measured at once where there is one.
    const [row] = await runRows(await rowsOf("browser"), planted({}));
    const code = row !== undefined && word(row) === "yes" ? 0 : 1;
    expect((await command("--only=browser", "--peers=none")).code).toBe(0);
    expect((await command("--only=browser", "--peers=none", "--strict")).code).toBe(code);
  });

  it("refuses what it does not know", async () => {
    expect(await command("--only=nothing")).toMatchObject({ code: 2, out: expect.stringContaining("no row is called nothing") });
    expect(await command("--peers=nobody")).toMatchObject({ code: 2, out: expect.stringContaining("no driver is called nobody") });
    expect((await command("--section=4")).code).toBe(2);
    expect((await command("--fast")).code).toBe(2);
  });
});

describe("what is reached", () => {
  const burst = (km: number) => ({
    bursts: { noop: [{ us: 0.1, peak: 1 }], floor: [{ us: 1, peak: 10 }], km: [{ us: km, peak: 12 }], posthog: [{ us: 9, peak: 70 }] },
  });
  const verdict = async (id: string, measured: Record<string, unknown>) => {
    const [result] = await runRows(await rowsOf(id), planted(measured));
    if (result === undefined) throw new Error("no result");
    return { word: word(result), table: table([result], []), markdown: markdown([result], []), result };
  };

  it("follows the figures of the run", async () => {
    const good = await verdict("record", burst(1.9));
    expect(good.word).toBe("yes");
    const bad = await verdict("record", burst(2.1));
    expect(bad.word).toBe("no");
    expect(bad.table).toMatch(/2\.10 +1 +posthog 9 +≤ 2 × floor = 2 µs +no\n/);
    expect(bad.table).toContain("0 of 1 reached, 1 not reached");
    expect(bad.markdown).toContain("| **no** |");
  });

  it("asks more of ours than of the median alone where a single one may not be lost", async () => {
    const share = (km: number[]) => ({
      express: { bare: [{ share: 1, failed: 0 }], floor: [{ share: 1, failed: 0 }], km: km.map((one) => ({ share: one, failed: 0 })) },
    });
    expect((await verdict("express-arrived", share([1, 1, 1]))).word).toBe("yes");
    expect((await verdict("express-arrived", share([1, 1, 0.9999]))).word).toBe("no");
  });

  it("does not let copies pass that come under another id", async () => {
    const fate = { recorded: 100, received: 100, requests: 1 };
    const kill = (foreignCopies: number) => ({
      "kill false": { floor: [{ ...fate, copies: 0, foreignCopies: 0 }], km: [{ ...fate, copies: 3, foreignCopies }] },
    });
    expect((await verdict("kill", kill(0))).word).toBe("yes");
    expect((await verdict("kill", kill(3))).word).toBe("no");
  });

  it("counts no rival's cost that did not deliver", async () => {
    const one = (cpu: number, share: number) => [{ cpu, share, mean: 1, p99: 1, wire: 1, plain: 1 }];
    const { result, table: text } = await verdict("cpu", {
      paced: { floor: one(1, 1), km: one(1.2, 1), amplitude: one(0.1, 0.2), segment: one(9, 1) },
    });
    expect(result.outcome.rivals).toEqual({ segment: [9] });
    expect(text).toContain("amplitude had delivered 20 %");
  });

  it("is not what could not be measured", async () => {
    const missing = await verdict("record", { bursts: { noop: [], floor: [{ us: 1 }], km: [] } });
    expect(missing.word).toBe("no");
  });
});

it("reports a row that fails, and goes on", async () => {
  const row = (id: string, run: Row["run"]): Row => ({ id, section: 2, what: id, unit: "lost", target: "0", run });
  const results = await runRows(
    [
      row("broken", async () => {
        throw new Error("on purpose");
      }),
      row("unable", async () => ({ reached: undefined })),
      row("hanging", () => new Promise(() => {})),
      row("whole", async () => ({ ours: 0, reached: true })),
    ],
    planted({}),
    undefined,
    300,
  );
  expect(results.map(word)).toEqual(["failed", "–", "failed", "yes"]);
  expect(table(results, [])).toContain("1 of 4 reached, 2 failed, 1 not measurable here");
  expect(table(results, [])).toContain("    on purpose");
  expect(table(results, [])).toContain("    it did not end within 0.3 s");
});

it("draws what was measured, and says so where that is nothing", async () => {
  expect(picture([], "footer")).toContain("Nothing of what the picture shows was measured.");
  const [row] = await rowsOf("kill");
  if (row === undefined) throw new Error("no such row");
  const cost = {
    row: { ...row, id: "express-cpu" },
    outcome: { ours: [20], floor: [5], rivals: { lossy: [9], true: [30] }, reached: true },
    seconds: 1,
  };
  const arrived = {
    row: { ...row, id: "express-arrived" },
    outcome: { ours: [100], rivals: { lossy: [3], true: [99.9] }, reached: true },
    seconds: 1,
  };
  expect(picture([cost, arrived], "footer").match(/\([^)]*arrived\)/g)).toEqual(["(3 % arrived)"]);
  const drawing = picture([{ row, outcome: { ours: [0], floor: [40], rivals: { "<b>": [100] }, reached: true }, seconds: 1 }], "footer");
  expect(drawing).toContain("&lt;b&gt;");
  expect(drawing.match(/<rect class="(ours|floor|rival)"/g)).toHaveLength(3);
});

it("knows its rows apart", async () => {
  const rows = await loadRows();
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  expect(rows.filter(({ section }) => section === 1).length).toBeGreaterThan(15);
  expect(chosen(rows, { quick: true }).map(({ id }) => id)).not.toContain("next");
  expect(chosen(rows, { quick: true, only: "next" }).map(({ id }) => id)).toEqual(["next"]);
});

it("gives medians, spreads, and numbers that people can read", () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([Number.NaN, 5]), median([]), median(7)]).toEqual([2, 2.5, 5, Number.NaN, 7]);
  expect(rounds([1, Number.POSITIVE_INFINITY])).toEqual([1]);
  expect([0, 0.0123, 0.5, 12.345, 123.4, 12_345.6, Number.NaN].map(short)).toEqual(["0", "0.012", "0.50", "12.3", "123", "12,346", "–"]);
  expect([spread([1.5, 1, 2]), spread([1, 1]), spread(undefined)]).toEqual(["1.50 (1 to 2)", "1", "–"]);
});
