import { arrived, startApp, startSink } from "../harness/children.js";
import { APP_CORE, memoryOf, REST_CORE, watchMemory } from "../harness/machine.js";
import { once, sized } from "../harness/row.js";

/** @typedef {import("../harness/row.js").Run} Run */

/** Where the numbers of warm-up commands begin. */
const WARM = 4_000_000;

/**
 * Every driver in turn, round after round, each in fresh processes. Rivals are in the first round only: they are no target, and take most of the time.
 *
 * @template T
 * @param {Run} run
 * @param {string[]} drivers
 * @param {(driver: string, sink: import("../harness/children.js").Sink, app: import("../harness/children.js").App) => Promise<T>} work
 */
async function inTurn(run, drivers, work) {
  /** @type {Record<string, T[]>} */
  const results = Object.fromEntries(drivers.map((driver) => [driver, []]));
  for (let round = 0; round < run.rounds; round++) {
    for (const driver of round === 0 ? drivers : drivers.filter((one) => !run.rivals.includes(one))) {
      await run.turn.take();
      const sink = await startSink(driver, { core: REST_CORE });
      try {
        const app = await startApp(driver, sink.url, { core: APP_CORE });
        try {
          const n = sized(run, 3000, 2000, 500);
          await app.ask("pace", { from: WARM, n, rate: n, timed: true });
          await app.ask("flush");
          if (driver !== "noop") await arrived(sink, { from: WARM, to: WARM + n, quiet: 2000, most: 4000, app });
          results[driver]?.push(await work(driver, sink, app));
        } finally {
          await app.kill();
        }
      } finally {
        await sink.stop();
      }
    }
  }
  await run.turn.release();
  return results;
}

/** @param {Run} run */
const everybody = (run) => ["noop", "floor", "km", ...run.rivals];

/** Back to back, never yielding: µs a call, and the most memory until it is delivered (or 10 s have passed), in MB. @param {Run} run */
export const bursts = (run) =>
  once(run, "bursts", () =>
    inTurn(run, everybody(run), async (driver, sink, app) => {
      const n = sized(run, 100_000, 100_000, 5000);
      const start = memoryOf(app.pid);
      const stop = watchMemory(app.pid);
      const { recorded, ms } = await app.ask("burst", { from: 0, n, most: 8000 });
      if (driver !== "noop")
        await arrived(sink, { to: recorded, quiet: sized(run, 5000, 3000, 3000), most: sized(run, 10_000, 5000, 5000), app });
      const { peakRss } = await app.ask("report");
      return { us: (ms * 1000) / recorded, peak: stop(), start, peakRss };
    }),
  );

/** At 5,000 a second, as in a server: µs a call, CPU seconds per 100,000 until they are received, bytes on the wire. @param {Run} run */
export const paced = (run) =>
  once(run, "paced", () =>
    inTurn(run, everybody(run), async (driver, sink, app) => {
      const n = sized(run, 30_000, 10_000, 2000);
      const before = await sink.stats();
      const { cpu: start } = await app.ask("report");
      const { recorded, mean, p99 } = await app.ask("pace", { from: 0, n, rate: 5000, timed: true });
      // posthog and amplitude send what is left every 10 s; asking to flush is how an app hurries them.
      if (driver !== "noop")
        await Promise.all([
          app.ask("flush"),
          arrived(sink, { to: n, quiet: sized(run, 11_000, 5000, 5000), most: sized(run, 20_000, 8000, 8000), app }),
        ]);
      const { cpu: end } = await app.ask("report");
      const stats = await sink.stats(0, n);
      const share = stats.received / n;
      return {
        mean,
        p99,
        share,
        cpu: ((end - start) / recorded) * 1e5,
        wire: (stats.wireBytes - before.wireBytes) / Math.max(1, stats.received),
        plain: (stats.plainBytes - before.plainBytes) / Math.max(1, stats.received),
        requests: stats.requests - before.requests,
      };
    }),
  );
