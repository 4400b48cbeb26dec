import { memoryKind } from "../harness/machine.js";
import { columns } from "../harness/row.js";
import { atMost, median, short } from "../harness/statistics.js";
import { bursts, paced } from "../measures/calls.js";

/** @typedef {import("../harness/row.js").Row} Row */
/** @typedef {import("../harness/row.js").Outcome} Outcome */

/** No more than so many times the floor. @param {ReturnType<typeof columns>} figures @param {number} times @param {string} unit @returns {Outcome} */
const timesFloor = (figures, times, unit) => {
  const limit = times * median(figures.floor);
  return { ...figures, reached: atMost(figures.ours, limit), limit: `${short(limit)} ${unit}` };
};

/**
 * What costs little because it never arrives is no example: only rivals that delivered count.
 *
 * @template {{ share: number }} T
 * @param {Record<string, readonly T[]>} measured
 * @returns {Record<string, readonly T[]>}
 */
const delivered = (measured) =>
  Object.fromEntries(Object.entries(measured).filter(([, rounds]) => median(rounds.map(({ share }) => share)) > 0.99));

/** @param {Record<string, readonly { share: number }[]>} measured */
const undelivered = (measured) =>
  Object.entries(measured)
    .map(([driver, rounds]) => /** @type {const} */ ([driver, median(rounds.map(({ share }) => share))]))
    .filter(([driver, share]) => driver !== "noop" && share <= 0.99)
    .map(([driver, share]) => `${driver} had delivered ${Math.floor(share * 100)} %`)
    .join(", ");

/** @type {Row[]} */
export const rows = [
  {
    id: "record",
    section: 1,
    what: "one record() with 3 properties, 100,000 back to back",
    unit: "µs",
    target: "≤ 2 × floor",
    async run(run) {
      const measured = await bursts(run);
      const empty = measured.noop?.map(({ us }) => us);
      return {
        ...timesFloor(
          columns(measured, ({ us }) => us),
          2,
          "µs",
        ),
        note: `an empty call: ${short(median(empty))} µs`,
      };
    },
  },
  {
    id: "record-mean",
    section: 1,
    what: "one record() at 5,000/s, mean",
    unit: "µs",
    target: "≤ 2 × floor",
    run: async (run) =>
      timesFloor(
        columns(await paced(run), ({ mean }) => mean),
        2,
        "µs",
      ),
  },
  {
    id: "record-p99",
    section: 1,
    what: "one record() at 5,000/s, 99th percentile",
    unit: "µs",
    target: "≤ 3 × floor",
    run: async (run) =>
      timesFloor(
        columns(await paced(run), ({ p99 }) => p99),
        3,
        "µs",
      ),
  },
  {
    id: "cpu",
    section: 1,
    what: "CPU for 100,000 commands at 5,000/s until all are received",
    unit: "s",
    target: "≤ 1.6 s where the floor takes 1.08 s (1.48 × floor), durable on disk",
    async run(run) {
      const measured = await paced(run);
      const figures = columns(delivered(measured), ({ cpu }) => cpu);
      return { ...timesFloor(figures, 1.6 / 1.08, "s"), note: undelivered(measured) };
    },
  },
  {
    id: "wire",
    section: 1,
    what: "bytes on the wire per command",
    unit: "B",
    target: "≤ 30",
    async run(run) {
      const figures = columns(delivered(await paced(run)), ({ wire }) => wire);
      return { ...figures, reached: atMost(figures.ours, 30) };
    },
  },
  {
    id: "wire-plain",
    section: 1,
    what: "the same before gzip",
    unit: "B",
    target: "≤ 200",
    async run(run) {
      const figures = columns(delivered(await paced(run)), ({ plain }) => plain);
      return { ...figures, reached: atMost(figures.ours, 200) };
    },
  },
  {
    id: "memory",
    section: 1,
    what: `most memory in a burst of 100,000 (${memoryKind})`,
    unit: "MB",
    target: "≤ 1.5 × floor",
    run: async (run) =>
      timesFloor(
        columns(await bursts(run), ({ peak }) => peak),
        1.5,
        "MB",
      ),
  },
];
