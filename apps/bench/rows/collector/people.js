import { randomUUID } from "node:crypto";
import { inDirectory, load, median, once, run, startCollector } from "./programs/launch.mjs";

/** @typedef {{ quick: boolean, log: (text: string) => void }} Run */

/** A store of so many events: its size, and the time of person pages over HTTP. */
const filled = once(async (/** @type {number} */ events) =>
  inDirectory(async (directory) => {
    const { raw, tables, identities } = await run("data.mjs", [directory, events]);
    const collector = await startCollector(directory);
    const times = [];
    for (const identity of identities) {
      const start = performance.now();
      const response = await fetch(`${collector.url}/v1/people/${encodeURIComponent(identity)}`);
      await response.arrayBuffer();
      if (response.status !== 200) throw new Error(`${response.status} for ${identity}`);
      times.push(performance.now() - start);
    }
    await collector.stop();
    const sum = /** @type {number[]} */ (Object.values(tables)).reduce((all, bytes) => all + bytes, 0);
    // The first pages warm the caches.
    return { page: median(times.slice(20)), commands: tables.commands / raw, all: sum / raw, raw };
  }),
);

/** Two strangers are tied under load: how long from the acknowledgement until a page shows one person. @param {Run} run */
async function tied({ quick }) {
  return inDirectory(async (directory) => {
    const collector = await startCollector(directory);
    const post = async (/** @type {object[]} */ ...commands) => {
      const body = commands.map((command) => JSON.stringify({ id: randomUUID(), time: Date.now(), ...command })).join("\n");
      const response = await fetch(`${collector.url}/v1/commands`, { method: "POST", body, headers: { authorization: "Bearer local" } });
      if (response.status !== 200) throw new Error(String(response.status));
    };
    const loaded = load({ port: collector.port, kind: "commands", connections: 4, seconds: quick ? 3 : 20, rate: 5000 });
    const times = [];
    for (let n = 0; n < (quick ? 8 : 60); n++) {
      const [a, b] = [`a${n}@shop.example`, `b${n}@shop.example`];
      await post({ type: "record", identity: a, name: "x" }, { type: "record", identity: b, name: "x" });
      await post({ type: "alias", identity: a, alias: b });
      const start = performance.now();
      for (let people = 0; people !== 2; )
        people = (await (await fetch(`${collector.url}/v1/people/${encodeURIComponent(a)}`)).json()).identities?.length ?? 0;
      times.push(performance.now() - start);
    }
    await loaded;
    await collector.stop();
    return times;
  });
}

const notBuilt = (/** @type {string} */ id, /** @type {string} */ what, /** @type {string} */ target) => ({
  id,
  section: 3,
  what,
  unit: "ms",
  target,
  run: async () => ({ ours: undefined, floor: undefined, rivals: {}, reached: false, note: "not built yet" }),
});

const few = (/** @type {boolean} */ quick) => (quick ? 200_000 : 1_000_000);
const many = (/** @type {boolean} */ quick) => (quick ? 1_000_000 : 10_000_000);

export const rows = [
  {
    id: "collector-alias",
    section: 3,
    what: "alias acknowledged → the person page shows one person, under 5,000 commands/s",
    unit: "ms",
    target: "at most 200 ms at the median",
    async run(/** @type {Run} */ run) {
      const times = await tied(run);
      return {
        ours: median(times),
        floor: undefined,
        rivals: {},
        reached: median(times) <= 200,
        note: `at the most ${Math.round(Math.max(...times))} ms`,
      };
    },
  },
  {
    id: "collector-size-commands",
    section: 3,
    what: "stored size of the commands, by raw NDJSON",
    unit: "×",
    target: "at most 0.2 ×",
    async run(/** @type {Run} */ { quick }) {
      const { commands, raw } = await filled(few(quick));
      return {
        ours: commands,
        floor: 1,
        rivals: {},
        reached: commands <= 0.2,
        note: `${few(quick)} events, ${Math.round(raw / few(quick))} bytes each`,
      };
    },
  },
  {
    id: "collector-size-all",
    section: 3,
    what: "stored size of all tables, by raw NDJSON",
    unit: "×",
    target: "at most 0.5 ×",
    async run(/** @type {Run} */ { quick }) {
      const { all } = await filled(few(quick));
      return { ours: all, floor: 1, rivals: {}, reached: all <= 0.5, note: "" };
    },
  },
  {
    id: "collector-person",
    section: 3,
    what: "a person page among many events, over HTTP",
    unit: "ms",
    target: "at most 100 ms among 10 million events",
    async run(/** @type {Run} */ { quick }) {
      const { page } = await filled(many(quick));
      return { ours: page, floor: undefined, rivals: {}, reached: !quick && page <= 100, note: `${many(quick)} events` };
    },
  },
  {
    id: "collector-person-growth",
    section: 3,
    what: "the same: growth of its time when there are many times more events",
    unit: "×",
    target: "it does not grow (at most 1.5 ×, which is noise)",
    async run(/** @type {Run} */ { quick }) {
      const [small, large] = [(await filled(few(quick))).page, (await filled(many(quick))).page];
      const note = `${small.toFixed(1)} ms among ${few(quick)} events, ${large.toFixed(1)} ms among ${many(quick)}`;
      return { ours: large / small, floor: 1, rivals: {}, reached: large / small <= 1.5, note };
    },
  },
  notBuilt("collector-trend", "a trend over 10 million events, 1 million people", "at most 300 ms"),
  notBuilt("collector-funnel", "a funnel of 4 steps over 10 million events, 1 million people", "at most 1,500 ms"),
  notBuilt("collector-search", "people search among 1 million people", "at most 300 ms"),
];
