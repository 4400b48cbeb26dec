import { median } from "./statistics.js";

/** @typedef {import("./statistics.js").Figure} Figure */
/**
 * What a row's run is told and given.
 *
 * @typedef {object} Run
 * @property {boolean} quick fewer and smaller measurements
 * @property {boolean} tiny the smallest ones, which only show that the bench itself works
 * @property {number} rounds how often each measurement is repeated
 * @property {readonly string[]} rivals the drivers to compare with
 * @property {(text: string) => void} log
 * @property {{ take(): Promise<void>, release(): Promise<void> }} turn held while something is measured
 * @property {Map<string, unknown>} measured what several rows look at is measured once
 */
/**
 * What became of a row. `reached` is always computed from the figures; `undefined` where this machine cannot measure it.
 *
 * @typedef {object} Outcome
 * @property {Figure} [ours]
 * @property {Figure} [floor]
 * @property {Record<string, Figure>} [rivals]
 * @property {boolean | undefined} reached
 * @property {string} [limit] the target as it came out in this run
 * @property {string} [note]
 */
/**
 * A row of the table.
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {1 | 2 | 3} section cost in the app, nothing is lost, the collector
 * @property {string} what
 * @property {string} unit
 * @property {string} target
 * @property {"less" | "more"} [better] which of two figures is better; default less
 * @property {boolean} [slow] left out of quick runs
 * @property {(run: Run) => Promise<Outcome>} run
 */

/** Measured once a run, however many rows look at it. @template T @param {Run} run @param {string} key @param {() => Promise<T>} work @returns {Promise<T>} */
export function once({ measured }, key, work) {
  if (!measured.has(key)) measured.set(key, work());
  return /** @type {Promise<T>} */ (measured.get(key));
}

/** By the size of the run. @template T @param {Run} run @param {T} full @param {T} quick @param {T} tiny @returns {T} */
export const sized = (run, full, quick, tiny) => (run.tiny ? tiny : run.quick ? quick : full);

/** One figure of each driver out of its rounds, sorted into a row's columns. @template T @param {Record<string, readonly T[]>} measured @param {(one: T) => number} pick */
export function columns(measured, pick) {
  /** @type {Record<string, number[]>} */
  const figures = Object.fromEntries(Object.entries(measured).map(([driver, rounds]) => [driver, rounds.map(pick)]));
  const { km: ours = [], floor = [], noop: _noop, bare: _bare, ...rivals } = figures;
  return { ours, floor, rivals };
}

/** The rivals' medians, the best first. @param {Record<string, Figure> | undefined} rivals @param {"less" | "more"} [better] @returns {[string, number][]} */
export function ranked(rivals, better = "less") {
  const all = Object.entries(rivals ?? {}).map(([name, figure]) => /** @type {[string, number]} */ ([name, median(figure)]));
  return all.filter(([, value]) => Number.isFinite(value)).sort(([, a], [, b]) => (better === "less" ? a - b : b - a));
}
