import { columns } from "../harness/row.js";
import { atLeast, atMost, median, short } from "../harness/statistics.js";
import { doorBesideFloor, sustained } from "../measures/door.js";

/** @typedef {import("../harness/row.js").Row} Row */
/** @typedef {import("../harness/row.js").Run} Run */

/** @param {"commands" | "pixels"} kind @param {number} share @param {Pick<Row, "id" | "what" | "unit" | "target">} words @returns {Row} */
const besideFloor = (kind, share, words) => ({
  ...words,
  section: 3,
  better: "more",
  async run(run) {
    const figures = columns(await doorBesideFloor(run, kind), (rate) => rate);
    const limit = share * median(figures.floor);
    return {
      ...figures,
      reached: atLeast(figures.ours, limit),
      limit: short(limit),
      note: `${short(median(figures.ours) / median(figures.floor))} × floor; the store is away meanwhile`,
    };
  },
});

/** @param {string} id @param {string} what @param {number} limit @param {(measured: Awaited<ReturnType<typeof sustained>>) => number} pick @returns {Row} */
const memory = (id, what, limit, pick) => ({
  id,
  section: 3,
  what,
  unit: "MB",
  target: `≤ ${limit}`,
  async run(run) {
    const ours = pick(await sustained(run));
    return { ours, reached: Number.isNaN(ours) ? undefined : atMost(ours, limit) };
  },
});

/** @type {Row[]} */
export const rows = [
  besideFloor("commands", 0.3, {
    id: "door-commands",
    what: "commands taken at the door in batches of 500, durable before the answer, one core",
    unit: "commands/s",
    target: "≥ 0.3 × a Hono server that parses each line, looks at its id, and appends the body to a file",
  }),
  {
    id: "sustained",
    section: 3,
    what: "commands stored, from the first request until all that was acknowledged is in the store, two cores (which the load shares)",
    unit: "commands/s",
    target: "≥ 60,000/s",
    better: "more",
    async run(run) {
      const { sent, count, refused, whole, perSecond, accepted } = await sustained(run);
      const note = `${short(count)} stored of ${short(sent)} acknowledged at ${short(accepted)}/s${whole ? "" : "; some still waited after three minutes"}${refused > 0 ? `; ${short(refused)} refused` : ""}`;
      return { ours: perSecond, reached: whole && count === sent && refused === 0 && atLeast(perSecond, 60_000), note };
    },
  },
  besideFloor("pixels", 0.5, {
    id: "door-pixels",
    what: "classic calls (/e), one event each, durable before the answer, 128 keep-alive connections, one core",
    unit: "calls/s",
    target: "≥ 0.5 × node:http that answers the same GIF without looking",
  }),
  memory("collector-memory", "memory of the collector with its embedded store, idle (RSS)", 400, ({ idle }) => idle),
  memory("collector-memory-load", "the same, at the most under full load (RSS)", 1200, ({ most }) => most),
];
