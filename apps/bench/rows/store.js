import { sized } from "../harness/row.js";
import { atMost, median, short } from "../harness/statistics.js";
import { few, filled, many, relinked, tied } from "../measures/store.js";

/** @typedef {import("../harness/row.js").Row} Row */
/** @typedef {import("../harness/row.js").Run} Run */
/** @typedef {Awaited<ReturnType<typeof filled>>} Filled */

/** The targets are for this many events, ten a person. */
const EVENTS = 10_000_000;
/** What is no growth but noise. */
const SAME = 1.5;

/** @param {Run} run */
const size = (run) => `${short(many(run))} events${many(run) < EVENTS ? `, not the ${short(EVENTS)} of the target` : ""}`;

/** @param {string} id @param {string} what @param {number} limit @param {(store: Filled) => number} pick @returns {Row} */
const stored = (id, what, limit, pick) => ({
  id,
  section: 3,
  what,
  unit: "×",
  target: `≤ ${limit} × raw NDJSON`,
  async run(run) {
    const store = await filled(run, few(run));
    const ours = pick(store);
    return { ours, reached: atMost(ours, limit), note: `${short(few(run))} events of ${short(store.raw / few(run))} bytes` };
  },
});

/** A report: the store answers its SQL, but as long as the collector has no address for it nobody can ask. @param {string} name @param {string} what @param {number} limit @returns {Row} */
const report = (name, what, limit) => ({
  id: name,
  section: 3,
  what,
  unit: "ms",
  target: `≤ ${limit}`,
  async run(run) {
    const [small, large] = [await filled(run, few(run)), await filled(run, many(run))];
    const ms = (/** @type {Filled} */ store) => median(store.reports[name]);
    const figures = `${short(ms(large))} ms among ${size(run)}, ${short(ms(small))} ms among ${short(few(run))}`;
    return { reached: false, note: `the collector has no address for it yet; its SQL on the store takes ${figures}` };
  },
});

/** @type {Row[]} */
export const rows = [
  stored("size", "stored size, all tables", 0.5, ({ all }) => all),
  stored("size-commands", "the same: the commands alone", 0.2, ({ commands }) => commands),
  {
    id: "alias",
    section: 3,
    what: "alias acknowledged → the person page shows one person, under 5,000 commands/s",
    unit: "ms",
    target: "≤ 200 at the median",
    async run(run) {
      const ours = await tied(run);
      return { ours, reached: atMost(ours, 200), note: `${ours.length} times` };
    },
  },
  {
    id: "relink",
    section: 3,
    what: "people consolidated again from nothing, 1,000,000 identities",
    unit: "s",
    target: "≤ 10",
    async run(run) {
      const identities = sized(run, 1_000_000, 200_000, 20_000);
      const { seconds, written } = await relinked(run, identities);
      return { ours: seconds, reached: atMost(seconds, 10) && written === identities, note: `${short(written)} identities` };
    },
  },
  report("trend", "trend of 30 days among 10,000,000 events of 1,000,000 people", 300),
  report("funnel", "funnel of 4 steps in 30 days among them", 1500),
  {
    id: "person",
    section: 3,
    what: "a person page among 10,000,000 events, over HTTP",
    unit: "ms",
    target: "≤ 100",
    async run(run) {
      const { page } = await filled(run, many(run));
      return { ours: page, reached: atMost(page, 100), note: size(run) };
    },
  },
  report("search", "people search among 1,000,000 people", 300),
  {
    id: "person-growth",
    section: 3,
    what: "growth of a person page's time with ten times the events",
    unit: "×",
    target: `does not grow (≤ ${SAME}, which is noise)`,
    async run(run) {
      const [small, large] = [(await filled(run, few(run))).page, (await filled(run, many(run))).page];
      const note = `${short(small)} ms among ${short(few(run))} events, ${short(large)} ms among ${short(many(run))}`;
      return { ours: large / small, reached: atMost(large / small, SAME), note };
    },
  },
  {
    id: "report-growth",
    section: 3,
    what: "growth of the slowest report's SQL with ten times the events",
    unit: "×",
    target: "≤ 10, no more than linear",
    async run(run) {
      const [small, large] = [await filled(run, few(run)), await filled(run, many(run))];
      const factors = Object.keys(large.reports).map((name) => ({
        name,
        factor: median(large.reports[name]) / median(small.reports[name]),
      }));
      const ours = Math.max(...factors.map(({ factor }) => factor));
      const times = many(run) / few(run);
      const note = factors.map(({ name, factor }) => `${name} ${short(factor)} ×`).join(", ");
      return { ours, reached: atMost(ours, times), note };
    },
  },
];
