import { join } from "node:path";
import { inDirectory, load, median, memory, once, run, serve, sleep, startCollector } from "./programs/launch.mjs";

/** Commands or calls a second of a server on core 0, loaded from core 1, after it has warmed up. */
async function rate(/** @type {{ port: number }} */ { port }, /** @type {"commands" | "pixels"} */ kind, /** @type {boolean} */ quick) {
  const how = { port, kind, connections: kind === "commands" ? 4 : 128, core: 1 };
  await load({ ...how, seconds: quick ? 0.5 : 3 });
  const { sent, refused, seconds } = await load({ ...how, seconds: quick ? 1 : 4, first: 500_000_000 });
  if (refused > 0) throw new Error(`${refused} of ${sent + refused} were refused`);
  return sent / seconds;
}

/** The door and its floor in turn. @param {"commands" | "pixels"} kind @param {boolean} quick @param {(text: string) => void} log */
async function sideBySide(kind, quick, log) {
  /** @type {number[]} */
  const ours = [];
  /** @type {number[]} */
  const floor = [];
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    await inDirectory(async (directory) => {
      for (const [program, figures] of /** @type {const} */ ([
        [`floor-${kind}.mjs`, floor],
        ["door.mjs", ours],
      ])) {
        const server = await serve(program, [join(directory, program)], 0);
        figures.push(await rate(server, kind, quick));
        await server.stop("SIGKILL");
        log(`${kind}, ${program}: ${Math.round(figures.at(-1) ?? 0)}/s`);
      }
    });
  }
  return { ours, floor };
}

/** The whole collector under as many commands as it takes: until all of them are stored. */
const sustained = once(async (/** @type {boolean} */ quick) =>
  inDirectory(async (directory) => {
    const collector = await startCollector(directory);
    await sleep(quick ? 500 : 3000);
    const idle = memory(collector.pid).now;
    const begun = performance.now();
    const { sent, refused } = await load({ port: collector.port, kind: "commands", connections: 4, seconds: quick ? 2 : 15 });
    const accepted = performance.now() - begun;
    for (let behind = "1"; behind !== "0"; ) behind = (await fetch(`${collector.url}/v1/people/nobody`)).headers.get("km-behind") ?? "0";
    const seconds = (performance.now() - begun) / 1000;
    const { peak } = memory(collector.pid);
    const { stored } = await (await fetch(`${collector.url}/v1/status`)).json();
    await collector.stop();
    return { sent, refused, stored, idle, peak, perSecond: stored / seconds, acceptedPerSecond: (1000 * sent) / accepted };
  }),
);

/** @typedef {{ quick: boolean, log: (text: string) => void }} Run */

export const rows = [
  {
    id: "collector-commands",
    section: 3,
    what: "commands accepted at the door, durable before the answer, batches of 500, one core (the store is away meanwhile)",
    unit: "commands/s",
    target: "at least 0.3 × a Hono server that parses each line, looks at its id, and appends the body to a file",
    better: "more",
    async run(/** @type {Run} */ { quick, log }) {
      const { ours, floor } = await sideBySide("commands", quick, log);
      return {
        ours,
        floor,
        rivals: {},
        reached: median(ours) >= 0.3 * median(floor),
        note: `${(median(ours) / median(floor)).toFixed(2)} × floor`,
      };
    },
  },
  {
    id: "collector-sustained",
    section: 3,
    what: "commands stored, from the first request until all that came is in the store, two cores (the load is made on the same ones)",
    unit: "commands/s",
    target: "at least 60,000/s",
    better: "more",
    async run(/** @type {Run} */ { quick }) {
      const { sent, stored, refused, perSecond, acceptedPerSecond } = await sustained(quick);
      const note = `${stored} stored of ${sent} acknowledged at ${Math.round(acceptedPerSecond)}/s; ${refused} refused`;
      return { ours: perSecond, floor: undefined, rivals: {}, reached: stored === sent && refused === 0 && perSecond >= 60_000, note };
    },
  },
  {
    id: "collector-pixels",
    section: 3,
    what: "classic calls (/e), one event each, durable before the answer, 128 keep-alive connections, one core (the store is away meanwhile)",
    unit: "calls/s",
    target: "at least 0.5 × node:http that answers the same GIF without looking",
    better: "more",
    async run(/** @type {Run} */ { quick, log }) {
      const { ours, floor } = await sideBySide("pixels", quick, log);
      return {
        ours,
        floor,
        rivals: {},
        reached: median(ours) >= 0.5 * median(floor),
        note: `${(median(ours) / median(floor)).toFixed(2)} × floor`,
      };
    },
  },
  {
    id: "collector-memory-idle",
    section: 3,
    what: "memory of the collector with its embedded store, idle (RSS)",
    unit: "MB",
    target: "at most 400 MB",
    async run(/** @type {Run} */ { quick }) {
      const { idle } = await sustained(quick);
      return { ours: idle, floor: undefined, rivals: {}, reached: idle <= 400, note: "" };
    },
  },
  {
    id: "collector-memory-load",
    section: 3,
    what: "memory of the collector with its embedded store, at the most under full load (RSS)",
    unit: "MB",
    target: "at most 1,200 MB",
    async run(/** @type {Run} */ { quick }) {
      const { peak } = await sustained(quick);
      return { ours: peak, floor: undefined, rivals: {}, reached: peak <= 1200, note: "" };
    },
  },
  {
    id: "collector-relink",
    section: 3,
    what: "people consolidated again from nothing, 1 million identities",
    unit: "s",
    target: "at most 10 s",
    async run(/** @type {Run} */ { quick }) {
      const identities = quick ? 50_000 : 1_000_000;
      const { seconds, written } = await inDirectory((directory) => run("relink.mjs", [directory, identities]));
      return {
        ours: seconds,
        floor: undefined,
        rivals: {},
        reached: !quick && seconds <= 10 && written === identities,
        note: `${written} identities`,
      };
    },
  },
];
