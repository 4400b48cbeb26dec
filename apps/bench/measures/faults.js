import { readFileSync } from "node:fs";
import { join } from "node:path";
import { arrived, directory, sleep, startApp, startSink } from "../harness/children.js";
import { memoryOf, watchMemory } from "../harness/machine.js";
import { once, sized } from "../harness/row.js";

/** @typedef {import("../harness/row.js").Run} Run */
/** @typedef {import("../harness/children.js").Sink} Sink */
/** @typedef {import("../harness/children.js").App} App */
/**
 * What became of the commands of one app.
 *
 * @typedef {object} Fate
 * @property {number} recorded those that count: recorded, and at the death of the process at least 50 ms ago
 * @property {number} received
 * @property {number} copies
 * @property {number} foreignCopies
 * @property {number} requests
 * @property {boolean} [died] it ended by itself
 * @property {number} [seconds] what the row is about took so long
 * @property {number} [megabytes] memory above that at the start
 */

/** How long before its death a command must have been recorded to count. */
const SAFE = 50;
const RATE = 5000;

/** How many commands, over two seconds. @param {Run} run */
const count = (run) => sized(run, 2 * RATE, 2 * RATE, 1000);

/**
 * The same for every driver. While one records it has the machine to itself; what comes after is mostly waiting, and they wait together.
 *
 * @param {Run} run
 * @param {string} key
 * @param {(driver: string, alone: <T>(work: () => Promise<T>) => Promise<T>) => Promise<Fate>} work
 * @param {string[]} [drivers]
 */
function together(run, key, work, drivers = ["floor", "km", ...run.rivals]) {
  return once(run, key, async () => {
    /** @type {Promise<unknown>} */
    let gate = Promise.resolve();
    let queued = 0;
    /** @template T @param {() => Promise<T>} part @returns {Promise<T>} */
    const alone = (part) => {
      queued++;
      const turn = gate.then(async () => {
        await run.turn.take();
        return part();
      });
      gate = turn
        .catch(() => {})
        .then(async () => {
          queued--;
          // What is left is mostly waiting: others may measure meanwhile.
          if (queued === 0) await run.turn.release();
        });
      return turn;
    };
    const all = await Promise.allSettled(drivers.map(async (driver) => /** @type {const} */ ([driver, await work(driver, alone)])));
    /** @type {Record<string, Fate[]>} */
    const fates = {};
    for (const one of all) {
      if (one.status === "rejected") throw one.reason;
      fates[one.value[0]] = [one.value[1]];
    }
    return fates;
  });
}

/** @param {import("../programs/sink.js").SinkStats} stats */
const seen = ({ received, copies, foreignCopies, requests }) => ({ received, copies, foreignCopies, requests });

/** How many a journal says were recorded by then. @param {string} journal @param {number} time */
export function recordedBy(journal, time) {
  let done = 0;
  // The last line may be cut off in the middle.
  for (const line of readFileSync(journal, "utf8").split("\n").slice(0, -1)) {
    const [recorded = 0, at = 0] = line.split(" ").map(Number);
    if (at > time) break;
    done = recorded;
  }
  return done;
}

/** SIGKILL in the middle of recording, two seconds in; then the app starts again on the same directory. @param {Run} run @param {boolean} down the receiver is away before the kill */
export const killed = (run, down) =>
  together(run, `kill ${down}`, async (driver, alone) => {
    const dir = directory();
    const journal = join(dir, "journal");
    const sink = await startSink(driver);
    if (down) await sink.mode("down");
    const recorded = await alone(async () => {
      const app = await startApp(driver, sink.url, { dir });
      // It would go on for another second.
      const recording = app.ask("pace", { from: 0, n: 1.5 * count(run), rate: count(run) / 2, journal });
      await Promise.race([sleep(2000 + SAFE), recording]);
      const at = Date.now();
      await app.kill();
      return recordedBy(journal, at - SAFE);
    });
    if (down) await sink.mode("accept");
    const again = await startApp(driver, sink.url, { dir });
    const stats = await arrived(sink, { to: recorded, quiet: sized(run, 15_000, 6000, 3000), most: 20_000, app: again });
    await Promise.all([again.kill(), sink.stop()]);
    return { recorded, ...seen(stats) };
  });

/** SIGTERM right after the last record, and the shutdown that the documentation asks for; then the app starts again. @param {Run} run @param {boolean} down the receiver is away all the while */
export const terminated = (run, down) =>
  together(run, `term ${down}`, async (driver, alone) => {
    const dir = directory();
    const sink = await startSink(driver);
    const most = sized(run, 30_000, 15_000, 5000);
    if (down) await sink.mode("down");
    const { app, recorded, start } = await alone(async () => {
      const app = await startApp(driver, sink.url, { dir });
      const { recorded = count(run) } = await app.ask("pace", { from: 0, n: count(run), rate: count(run) / 2, most: 15_000 });
      const start = Date.now();
      void app.kill("SIGTERM");
      await Promise.race([app.ended, sleep(3000)]);
      return { app, recorded, start };
    });
    const ended = await Promise.race([app.ended.then(() => Date.now()), sleep(Math.max(0, start + most - Date.now()))]);
    await app.kill();
    await sink.mode("accept");
    const again = await startApp(driver, sink.url, { dir });
    const stats = await arrived(sink, { to: recorded, quiet: sized(run, 8000, 4000, 3000), most: 15_000, app: again });
    await Promise.all([again.kill(), sink.stop()]);
    return { recorded, ...seen(stats), seconds: ((ended ?? start + most) - start) / 1000 };
  });

/**
 * The receiver misbehaves for so many seconds from the first record on, then is well again; what has not come by itself is hurried by the
 * documented shutdown.
 *
 * @param {Run} run @param {string} mode @param {number} seconds @param {string[]} [drivers]
 */
export const misbehaved = (run, mode, seconds, drivers) =>
  together(
    run,
    `fault ${mode} ${seconds}`,
    async (driver, alone) => {
      const sink = await startSink(driver);
      await sink.mode(mode);
      const { app, recorded, start } = await alone(async () => {
        const app = await startApp(driver, sink.url);
        const start = Date.now();
        const { recorded = count(run) } = await app.ask("pace", { from: 0, n: count(run), rate: count(run) / 2, most: 15_000 });
        return { app, recorded, start };
      });
      await sleep(Math.max(0, start + seconds * 1000 - Date.now()));
      // A slow receiver stays slow.
      if (!mode.startsWith("delay")) await sink.mode("accept");
      const before = await arrived(sink, {
        to: recorded,
        quiet: sized(run, 15_000, 12_000, 11_000),
        // Twenty batches of two seconds each, in quick runs as well.
        most: mode.startsWith("delay") ? sized(run, 60_000, 60_000, 12_000) : sized(run, 45_000, 25_000, 12_000),
        app,
      });
      const died = app.end !== undefined;
      if (!died && before.received < recorded) {
        await app.ask("close", { most: sized(run, 10_000, 8000, 3000) });
        await sleep(500);
      }
      const stats = await sink.stats(0, recorded);
      await Promise.all([app.kill(), sink.stop()]);
      return { recorded, ...seen(stats), died, seconds: (stats.lastNewAt - start) / 1000 };
    },
    drivers,
  );

/** The receiver is down while 200,000 are recorded at 20,000 a second; then it is back. @param {Run} run */
export const backlog = (run) =>
  together(run, "backlog", async (driver, alone) => {
    const n = sized(run, 200_000, 60_000, 4000);
    const sink = await startSink(driver);
    const { app, stop, start } = await alone(async () => {
      const app = await startApp(driver, sink.url);
      await sink.mode("down");
      const start = memoryOf(app.pid);
      const stop = watchMemory(app.pid);
      await Promise.race([app.ask("pace", { from: 0, n, rate: 20_000 }), sleep(60_000)]);
      return { app, stop, start };
    });
    await sleep(sized(run, 2000, 1000, 100));
    await sink.mode("accept");
    const back = Date.now();
    const stats = await arrived(sink, { to: n, quiet: sized(run, 20_000, 15_000, 11_000), most: sized(run, 40_000, 25_000, 12_000), app });
    const megabytes = stop() - start;
    const died = app.end !== undefined;
    await Promise.all([app.kill(), sink.stop()]);
    const seconds = stats.received === n ? (stats.lastNewAt - back) / 1000 : Number.NaN;
    return { recorded: n, ...seen(stats), died, seconds, megabytes };
  });
