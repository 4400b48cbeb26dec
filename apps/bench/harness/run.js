import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { versionOf } from "../measures/footprint.js";
import { loadRows } from "./catalogue.js";
import { stopAll } from "./children.js";
import { machine, memoryKind, pins } from "./machine.js";
import { picture } from "./picture.js";
import { json, markdown, sections, table, tally, word } from "./report.js";
import { all, installRivals } from "./rivals.js";
import { ranked } from "./row.js";
import { median, short } from "./statistics.js";
import { turnOn } from "./turn.js";

/** @typedef {import("./row.js").Row} Row */
/** @typedef {import("./row.js").Run} Run */
/** @typedef {import("./report.js").Result} Result */
/**
 * @typedef {object} Options
 * @property {boolean} [quick]
 * @property {boolean} [tiny]
 * @property {boolean} [strict]
 * @property {boolean} [list]
 * @property {string | undefined} [section]
 * @property {string | undefined} [only]
 * @property {string | undefined} [rounds]
 * @property {string | undefined} [peers]
 * @property {string | undefined} [out]
 * @property {string | undefined} [lock]
 */

const here = resolve(import.meta.dirname, "..");
/** How long a row may take, in ms: one that hangs must not keep the others from their turn. */
const MOST = 20 * 60_000;
const seconds = (/** @type {number} */ since) => (performance.now() - since) / 1000;
/** @param {number} s */
const duration = (s) => (s < 100 ? `${s.toFixed(1)} s` : `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`);

/** The rows that were asked for. @param {readonly Row[]} rows @param {Options} options */
export function chosen(rows, { only, section, quick }) {
  const ids = only?.split(",");
  const unknown = ids?.filter((id) => !rows.some((row) => row.id === id)) ?? [];
  if (unknown.length > 0) throw Object.assign(new Error(`no row is called ${unknown.join(", ")}`), { code: "USAGE" });
  if (section !== undefined && !(section in sections)) throw Object.assign(new Error(`no section is called ${section}`), { code: "USAGE" });
  return rows.filter(
    (row) =>
      (ids === undefined ? !(quick && row.slow) : ids.includes(row.id)) && (section === undefined || String(row.section) === section),
  );
}

/** What a row comes to; it fails where that takes too long, and whatever it has started ends. @param {Row} row @param {Run} run @param {number} most */
async function outcomeOf(row, run, most) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {Promise<never>} */
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not end within ${duration(most / 1000)}`)), most);
  });
  try {
    return await Promise.race([row.run(run), late]);
  } catch (error) {
    stopAll();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * One row after the other; one that fails, or does not end within `most` ms, is reported as failed. `after` each row it is handed what there is.
 *
 * @param {readonly Row[]} rows @param {Run} run @param {(results: Result[]) => void} [after] @param {number} [most] @returns {Promise<Result[]>}
 */
export async function runRows(rows, run, after, most = MOST) {
  /** @type {Result[]} */
  const results = [];
  for (const row of rows) {
    const start = performance.now();
    /** @type {Result} */
    let result;
    try {
      result = { row, outcome: await outcomeOf(row, run, most), seconds: 0 };
    } catch (error) {
      result = { row, outcome: { reached: false }, failed: String(error instanceof Error ? error.message : error), seconds: 0 };
    } finally {
      await run.turn.release();
    }
    result.seconds = seconds(start);
    results.push(result);
    const { ours, floor, rivals } = result.outcome;
    const beside = [
      ...(floor === undefined ? [] : [`floor ${short(median(floor))}`]),
      ...ranked(rivals, row.better).map(([name, value]) => `${name} ${short(value)}`),
    ];
    const figure = result.failed ?? [`${short(median(ours))} ${row.unit}`, ...beside].join(", ");
    after?.(results);
    run.log(`${row.id.padEnd(22)} ${word(result).padEnd(7)} ${figure} (${duration(result.seconds)})`);
  }
  return results;
}

/** Whom to compare with, and a sentence about it. @param {Options} options @param {(text: string) => void} log */
function rivalsOf({ peers }, log) {
  const named = peers === undefined ? all : peers.split(",").filter((name) => !["none", ""].includes(name));
  const unknown = named.filter((name) => !all.includes(name));
  if (unknown.length > 0) throw Object.assign(new Error(`no driver is called ${unknown.join(", ")}`), { code: "USAGE" });
  if (named.length === 0) return { rivals: [], about: "none in this run" };
  const missing = installRivals(log);
  if (missing !== undefined) {
    log(`${missing}.`);
    return { rivals: [], about: missing };
  }
  return { rivals: named, about: named.map((name) => `${name} ${versionOf(name)}`).join(", ") };
}

/** Runs the bench, prints the table, and writes what it is asked to. Gives the exit code. @param {Options} options */
export async function bench(options) {
  const start = performance.now();
  const log = (/** @type {string} */ text) => console.log(text);
  const every = await loadRows();
  const rows = chosen(every, options);
  if (options.list) {
    for (const { id, section, what } of rows) log(`${id.padEnd(22)} §${section} ${what}`);
    return 0;
  }
  const small = options.quick === true || options.tiny === true;
  const { rivals, about } = rivalsOf(options, log);
  const rounds = Number(options.rounds ?? (small ? 1 : 3));
  if (!Number.isInteger(rounds) || rounds < 1) throw Object.assign(new Error("--rounds is a number from 1 up"), { code: "USAGE" });
  const turn = turnOn(options.lock);
  const size = options.tiny ? "tiny: figures mean nothing" : small ? "quick: smaller and shorter than what the rows name" : "full";
  const date = new Date().toISOString().slice(0, 16).replace("T", " ");
  const heading = (/** @type {number} */ done) => [
    {
      label: "Machine",
      value: `${machine()}; ${pins ? "app on core 0, receiver and load on core 1" : "not pinned to cores"}; memory is ${memoryKind}`,
    },
    { label: "Node", value: process.version },
    { label: "Date", value: `${date} UTC` },
    { label: "Rivals", value: about },
    {
      label: "Run",
      value: `${size}, ${rounds} round${rounds > 1 ? "s" : ""}, ${duration(seconds(start) - turn.waited)}${done < rows.length ? `, cut off after ${done} of ${rows.length} rows` : ""}`,
    },
  ];
  const whole = rows.length === chosen(every, { quick: small }).length;
  const out = options.out === undefined ? (whole && !options.tiny ? here : undefined) : resolve(options.out);
  /** After every row: who interrupts a long run keeps what it has measured. @param {Result[]} results */
  const write = (results) => {
    if (out === undefined) return;
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, "RESULTS.md"), markdown(results, heading(results.length)));
    writeFileSync(
      join(out, "results.svg"),
      picture(results, `${tally(results)} · Node ${process.version.slice(1)}, ${date.slice(0, 10)} · npm run bench`),
    );
    writeFileSync(join(out, "results.json"), json(results, heading(results.length)));
  };
  const run = { quick: small, tiny: options.tiny === true, rounds, rivals, log, turn, measured: new Map() };
  const results = await runRows(rows, run, write);
  log(`\n${table(results, heading(results.length))}`);
  if (out !== undefined) log(`\nWritten: ${join(out, "RESULTS.md")}, results.svg, results.json`);
  return options.strict && results.some((result) => ["no", "failed"].includes(word(result))) ? 1 : 0;
}
