import { memoryKind } from "../harness/machine.js";
import { columns } from "../harness/row.js";
import { atMost, short } from "../harness/statistics.js";
import { backlog, killed, misbehaved, terminated } from "../measures/faults.js";

/** @typedef {import("../harness/row.js").Row} Row */
/** @typedef {import("../harness/row.js").Run} Run */
/** @typedef {import("../measures/faults.js").Fate} Fate */

/** @param {Fate} fate */
const lost = ({ recorded, received }) => recorded - received;
/** @param {Fate} fate */
const onWire = ({ received, copies }) => (received + copies) / received;

/** What else is to be told of a fault. @param {Record<string, readonly Fate[]>} measured */
const remarks = (measured) => {
  const { recorded = 0, copies = 0, foreignCopies = 0 } = measured.km?.[0] ?? {};
  const slow = Object.entries(measured).flatMap(([driver, [fate]]) =>
    fate !== undefined && fate.recorded < 0.9 * recorded ? [`${driver} ${short(fate.recorded)}`] : [],
  );
  const died = Object.keys(measured).filter((driver) => measured[driver]?.[0]?.died);
  return [
    `of ${short(recorded)}`,
    ...(copies > 0
      ? [
          `ours came ${short(copies)} times more than once${foreignCopies > 0 ? `, ${foreignCopies} under another id` : ", by the same ids"}`,
        ]
      : []),
    ...(slow.length > 0 ? [`less was recorded in that time: ${slow.join(", ")}`] : []),
    ...(died.length > 0 ? [`the process died: ${died.join(", ")}`] : []),
  ].join("; ");
};

/** @param {string} id @param {string} what @param {(run: Run) => Promise<Record<string, Fate[]>>} measure @returns {Row} */
const losses = (id, what, measure) => ({
  id,
  section: 2,
  what,
  unit: "lost",
  target: "0",
  async run(run) {
    const measured = await measure(run);
    const figures = columns(measured, lost);
    const fate = measured.km?.[0];
    // Stored once: a copy is told by its id.
    return { ...figures, reached: atMost(figures.ours, 0) && fate?.foreignCopies === 0, note: remarks(measured) };
  },
});

/** @param {Pick<Row, "id" | "what" | "unit" | "target">} words @param {(run: Run) => Promise<Record<string, Fate[]>>} measure @param {(fate: Fate) => number} pick @param {number} limit @returns {Row} */
const atLimit = (words, measure, pick, limit) => ({
  ...words,
  section: 2,
  async run(run) {
    const figures = columns(await measure(run), pick);
    return { ...figures, reached: atMost(figures.ours, limit) };
  },
});

/** What rivals do when they are answered 500 is seen in the first row of its kind; each of these would take two minutes with them. */
const alone = ["floor", "km"];

/** @param {Run} run */
const lostReply = (run) => misbehaved(run, "lost-reply", run.quick ? 5 : 10);

/** @type {Row[]} */
export const rows = [
  losses("kill", "kill -9 of the app at 2 s, receiver healthy, restart", (run) => killed(run, false)),
  losses("kill-down", "the same with the receiver down before the kill", (run) => killed(run, true)),
  losses("term", "SIGTERM and the documented shutdown, restart", (run) => terminated(run, false)),
  losses("term-down", "the same with the receiver down", (run) => terminated(run, true)),
  atLimit(
    { id: "term-seconds", what: "the same: until the process has ended", unit: "s", target: "≤ 2" },
    (run) => terminated(run, true),
    ({ seconds = Number.NaN }) => seconds,
    2,
  ),
  losses("500", "receiver answers 500 for 10 s", (run) => misbehaved(run, "500", run.quick ? 5 : 10)),
  { ...losses("500-long", "receiver answers 500 for 30 s", (run) => misbehaved(run, "500", 30, alone)), slow: true },
  losses("429", "receiver answers 429 and Retry-After: 2 for 10 s", (run) => misbehaved(run, "429", run.quick ? 5 : 10, alone)),
  losses("hang", "receiver hangs for 20 s, then resets", (run) => misbehaved(run, "hang", run.quick ? 8 : 20)),
  losses("slow", "every reply takes 2 s", (run) => misbehaved(run, "delay:2000", run.quick ? 5 : 20)),
  losses("lost-reply", "receiver takes all, but its replies are lost for 10 s", lostReply),
  atLimit({ id: "copies", what: "the same: sent, over different ones received", unit: "×", target: "≤ 1.05" }, lostReply, onWire, 1.05),
  losses("half-closed", "receiver closes its half of the connection without an answer, for 10 s", (run) =>
    misbehaved(run, "half-closed", run.quick ? 5 : 10, alone),
  ),
  losses("backlog", "receiver down while 200,000 are recorded at 20,000/s, then back", backlog),
  atLimit(
    { id: "backlog-memory", what: `the same: memory above start (${memoryKind})`, unit: "MB", target: "≤ 60" },
    backlog,
    ({ megabytes = Number.NaN }) => megabytes,
    60,
  ),
  atLimit(
    { id: "backlog-seconds", what: "the same: all delivered after it is back", unit: "s", target: "≤ 20" },
    backlog,
    ({ seconds = Number.NaN }) => seconds,
    20,
  ),
];
