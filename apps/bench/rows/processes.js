import { join } from "node:path";
import { arrived, directory, sleep, startApp, startSink } from "../harness/children.js";
import { sized } from "../harness/row.js";
import { atMost, short } from "../harness/statistics.js";
import { recordedBy } from "../measures/faults.js";

/** @typedef {import("../harness/row.js").Row} Row */

const APPS = 4;
/** What one request carries at the most. */
const BATCH = 500;

/** @type {Row[]} */
export const rows = [
  {
    id: "four",
    section: 2,
    what: "four processes of one app on one outbox directory, one killed",
    unit: "lost",
    target: "0, each sent once (but for one batch in flight when its sender died)",
    async run(run) {
      await run.turn.take();
      const n = sized(run, 2500, 2500, 400);
      const dir = directory();
      const sink = await startSink("km");
      const apps = await Promise.all(Array.from({ length: APPS }, () => startApp("km", sink.url, { dir })));
      const journal = (/** @type {number} */ index) => join(dir, `journal-${index}`);
      const recording = apps.map((app, index) => app.ask("pace", { from: index * n, n, rate: n / 2, journal: journal(index) }));
      await sleep(1000);
      const at = Date.now();
      await apps[0]?.kill();
      await Promise.all(recording);
      const counts = apps.map((_, index) => (index === 0 ? recordedBy(journal(0), at - 50) : n));
      const recorded = counts.reduce((sum, count) => sum + count, 0);
      await arrived(sink, { to: APPS * n, want: APPS * n, quiet: 5000, most: 20_000 });
      const stats = await Promise.all(counts.map((count, index) => sink.stats(index * n, index * n + count)));
      await Promise.all([...apps.map((app) => app.kill()), sink.stop()]);
      const sum = (/** @type {"received" | "copies" | "foreignCopies"} */ what) => stats.reduce((total, one) => total + one[what], 0);
      const ours = recorded - sum("received");
      const reached = atMost(ours, 0) && sum("copies") <= BATCH && sum("foreignCopies") === 0;
      return { ours, reached, note: `of ${short(recorded)}; ${short(sum("copies"))} came twice` };
    },
  },
  {
    id: "clock",
    section: 2,
    what: "clock set back one hour in mid-run, while the receiver answers 500",
    unit: "lost",
    target: "0, nothing stuck: all there 20 s after the receiver is well",
    async run(run) {
      await run.turn.take();
      const n = sized(run, 10_000, 10_000, 1000);
      const sink = await startSink("km");
      await sink.mode("500");
      const app = await startApp("km", sink.url);
      const recording = app.ask("pace", { from: 0, n, rate: n / 2 });
      await sleep(1000);
      await app.ask("clock", { shift: -3_600_000 });
      await recording;
      await sink.mode("accept");
      const { received } = await arrived(sink, { to: n, quiet: 20_000, most: 20_000, app });
      await Promise.all([app.kill(), sink.stop()]);
      return { ours: n - received, reached: received === n, note: `of ${short(n)}` };
    },
  },
];
