import { atLeast, median, short } from "../harness/statistics.js";
import { lookedOn } from "../measures/live.js";

/** @typedef {import("../harness/row.js").Row} Row */

/** The least of what the door takes while nobody looks on that it must take while somebody does. */
const SHARE = 0.95;

/** @param {string} id @param {string} what @param {"reader" | "stuck"} who @param {number} rate @returns {Row} */
const beside = (id, what, who, rate) => ({
  id,
  section: 3,
  what,
  unit: "commands/s",
  target: `≥ ${SHARE} × while nobody looks on`,
  better: "more",
  async run(run) {
    const { nobody: floor, [who]: ours } = await lookedOn(run, rate);
    const limit = SHARE * median(floor);
    return { ours, floor, reached: atLeast(ours, limit), limit: short(limit), note: `${short(median(ours) / median(floor))} × nobody` };
  },
});

/** @type {Row[]} */
export const rows = [
  beside("live", "commands taken at 5,000 a second while one looks on (/v1/live), one core", "reader", 5000),
  beside("live-stuck", "commands taken, as many as it can, while one looks on who does not read, one core", "stuck", 0),
];
