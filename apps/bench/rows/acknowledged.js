import { directory, sleep, start } from "../harness/children.js";
import { memoryKind, watchMemory } from "../harness/machine.js";
import { once, sized } from "../harness/row.js";
import { atMost, median, short } from "../harness/statistics.js";
import { account, exported, startCollector, startSending, stored } from "../measures/collector.js";

/** @typedef {import("../harness/row.js").Row} Row */
/** @typedef {import("../harness/row.js").Run} Run */

/** Memory above that at the start of the outage that counts as bounded, in MB: what waits is on disk. */
const BOUND = 150;

/** The store fails every call for a minute while 5,000 a second come. @param {Run} run */
const storeAway = (run) =>
  once(run, "store away", async () => {
    await run.turn.take();
    const ms = sized(run, 60_000, 15_000, 3000);
    const child = start("awaycollector.js", [directory()]);
    const { port } = await child.ready;
    const url = `http://127.0.0.1:${port}`;
    const sending = startSending(url, { senders: 2, batch: 500, pause: 190 });
    await sleep(sized(run, 5000, 3000, 1000));
    await child.ask("away", { on: true });
    const from = Date.now();
    const stop = watchMemory(child.pid);
    // The highest of the first second is what it has anyhow under this load.
    await sleep(1000);
    const base = stop();
    const stopAgain = watchMemory(child.pid);
    await sleep(ms - 1000);
    const megabytes = stopAgain() - base;
    const to = Date.now();
    await child.ask("away", { on: false });
    await sending.stop();
    const whole = await stored(url, 120_000);
    const back = (Date.now() - to) / 1000;
    const counts = await exported(url);
    await child.kill();
    const during = sending.answers.filter(({ at }) => at >= from && at <= to);
    const times = [from, ...during.map(({ at }) => at), to];
    const pause = Math.max(...times.slice(1).map((at, index) => at - (times[index] ?? at)));
    return {
      ...account(sending, counts),
      acknowledged: sending.acknowledged.size,
      during: during.length * 500,
      pause,
      ms: during.map((one) => one.ms),
      megabytes,
      whole,
      back,
    };
  });

/** @type {Row[]} */
export const rows = [
  {
    id: "collector-kill",
    section: 2,
    what: "collector kill -9 in mid-load, 15 times",
    unit: "lost or doubled",
    target: "0 of what it acknowledged; stored once",
    async run(run) {
      await run.turn.take();
      const times = sized(run, 15, 5, 2);
      const data = directory();
      let collector = await startCollector(data);
      const { port, url } = collector;
      const sending = startSending(url, { senders: 4, batch: 500, pause: 100 });
      for (let time = 0; time < times; time++) {
        await sleep(400 + Math.random() * 1200);
        await collector.kill();
        collector = await startCollector(data, port);
      }
      await sleep(500);
      await sending.stop();
      const whole = await stored(url, 60_000);
      const { lost, wrong } = account(sending, await exported(url));
      await collector.kill();
      const note = `${short(sending.acknowledged.size)} acknowledged, ${times} kills; ${lost} lost, ${wrong} stored more than once${whole ? "" : "; not all was stored after a minute"}`;
      return { ours: lost + wrong, reached: whole && sending.acknowledged.size > 0 && sending.refused === 0 && lost + wrong === 0, note };
    },
  },
  {
    id: "store-away",
    section: 2,
    what: "store away for 60 s under load (5,000/s)",
    unit: "lost or doubled",
    target: "0; acknowledgements go on, no pause above 2 s",
    async run(run) {
      const { lost, wrong, acknowledged, during, pause, ms, whole, back } = await storeAway(run);
      const note = `${short(acknowledged)} acknowledged, ${short(during)} of them meanwhile (${short(median(ms))} ms each, longest pause ${short(pause / 1000)} s); all stored ${short(back)} s after it was back`;
      return { ours: lost + wrong, reached: whole && lost + wrong === 0 && pause <= 2000, note };
    },
  },
  {
    id: "store-away-memory",
    section: 2,
    what: `the same: memory above that at the start (${memoryKind})`,
    unit: "MB",
    target: `bounded: ≤ ${BOUND}`,
    async run(run) {
      const { megabytes } = await storeAway(run);
      return { ours: megabytes, reached: atMost(megabytes, BOUND) };
    },
  },
];
