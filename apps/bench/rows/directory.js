import { short } from "../harness/statistics.js";
import { diskFull, readOnly, spoiled } from "../measures/directory.js";

/** @typedef {import("../harness/row.js").Row} Row */
/** @typedef {import("../harness/row.js").Run} Run */
/** @typedef {import("../measures/directory.js").Account} Account */

/** @param {Record<string, number>} counts */
const list = (counts) =>
  Object.entries(counts)
    .map(([code, count]) => `${code} ${short(count)}`)
    .join(", ");

/** @param {string} id @param {string} what @param {(run: Run) => Promise<Account | undefined>} measure @param {string} code one that must have been reported @returns {Row} */
const row = (id, what, measure, code) => ({
  id,
  section: 2,
  what,
  unit: "unanswered or uncounted",
  target: `0; ${code} reported once`,
  async run(run) {
    await run.turn.take();
    const account = await measure(run);
    if (account === undefined) return { reached: undefined, note: "this system gives no process a small disk of its own" };
    const { recorded, failed, received, refused, kept, reports, died, left, found } = account;
    const uncounted = Math.abs(recorded + left - received - found - kept - Object.values(refused).reduce((sum, count) => sum + count, 0));
    const once = reports[code] === 1 && Object.values(reports).every((count) => count === 1);
    const told = [`${short(recorded)} recorded, ${short(received)} received`];
    if (left > 0) told.push(`${short(found)} of ${short(left)} came that an earlier process had left`);
    if (Object.keys(refused).length > 0) told.push(`refused: ${list(refused)}`);
    told.push(died !== undefined ? `the process died of ${died}` : `reported: ${list(reports) || "nothing"}`);
    return {
      ours: failed + uncounted,
      reached: died === undefined && failed + uncounted === 0 && recorded > 0 && once,
      note: told.join("; "),
    };
  },
});

/** @type {Row[]} */
export const rows = [
  row("disk-full", "disk full, receiver down: the app keeps answering", diskFull, "KM_OUTBOX_UNWRITABLE"),
  row("read-only", "outbox directory read-only: the app keeps answering", readOnly, "KM_OUTBOX_MEMORY"),
  row("cut", "every complete outbox file cut off: the app keeps answering", (run) => spoiled(run, "cut"), "KM_OUTBOX_BROKEN"),
  row("noise", "the same, overwritten with noise from their start", (run) => spoiled(run, "head"), "KM_OUTBOX_BROKEN"),
  row("noise-middle", "the same, overwritten with noise in their middle", (run) => spoiled(run, "middle"), "KM_OUTBOX_BROKEN"),
];
