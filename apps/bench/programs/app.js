// The app under test, a process of its own: `node app.js DRIVER URL DIR`, driven over IPC by { id, run, ... }, answered by { id, ... }.
import { closeSync, openSync, writeSync } from "node:fs";

const [driver = "", url = "", dir = ""] = process.argv.slice(2);
const { create } = await import(`../drivers/${driver}.js`);
/** @type {import("../drivers/wire.js").Sdk} */
const sdk = await create({ url, dir });

const names = ["Viewed Page", "Added To Cart", "Checked Out", "Signed Up"];
/** @param {number} seq */
const record = (seq) => sdk.record(`user-${seq % 5000}`, names[seq & 3] ?? "", { seq, plan: "premium", amount: 19.99 });
/** @param {number} ms @returns {Promise<"late">} */
const wait = (ms) => new Promise((resolve) => setTimeout(() => resolve("late"), ms));
/** @param {() => Promise<unknown>} work @param {number} most */
const within = async (work, most) => {
  const start = performance.now();
  const end = await Promise.race([work().then(() => "done", String), wait(most)]);
  return { end, ms: performance.now() - start };
};

/** Back to back, without ever yielding. @param {{ from: number, n: number, most: number }} order */
function burst({ from, n, most }) {
  const start = performance.now();
  let done = 0;
  while (done < n) {
    record(from + done++);
    // Looking at the clock each time would be measured too.
    if ((done & 255) === 0 && performance.now() - start > most) break;
  }
  return { recorded: done, ms: performance.now() - start };
}

/**
 * At a rate per second, in ticks of about 1 ms that catch up. With `timed` every call is timed; with `journal` the file there always tells how many
 * were recorded by when, also when the process is killed. After `most` ms it stops: some SDKs keep a
 * process so busy that it records hardly anything.
 *
 * @param {{ from: number, n: number, rate: number, timed?: boolean, journal?: string, most?: number }} order
 */
async function pace({ from, n, rate, timed = false, journal, most = 60_000 }) {
  const times = new Float64Array(timed ? n : 0);
  const file = journal === undefined ? undefined : openSync(journal, "w");
  const start = performance.now();
  let done = 0;
  while (done < n && performance.now() - start < most) {
    const due = Math.min(n, Math.ceil(((performance.now() - start) / 1000) * rate));
    while (done < due) {
      const before = timed ? performance.now() : 0;
      record(from + done);
      if (timed) times[done] = performance.now() - before;
      done++;
    }
    if (file !== undefined) writeSync(file, `${done} ${Date.now()}\n`);
    if (done < n) await wait(1);
  }
  if (file !== undefined) closeSync(file);
  const ms = performance.now() - start;
  if (!timed) return { recorded: done, ms };
  const mean = times.reduce((sum, one) => sum + one, 0) / n;
  times.sort();
  return { recorded: done, ms, mean: mean * 1000, p99: (times[Math.floor(n * 0.99)] ?? 0) * 1000 };
}

/** What the process believes the time is moves by so many ms; the machine's clock stays. @param {{ shift: number }} order */
function clock({ shift }) {
  const { now } = Date;
  globalThis.Date = /** @type {DateConstructor} */ (
    new Proxy(Date, { construct: (target, args) => Reflect.construct(target, args.length === 0 ? [now() + shift] : args) })
  );
  Date.now = () => now() + shift;
  return {};
}

/** @type {Record<string, (order: any) => object | Promise<object>>} */
const orders = {
  burst,
  pace,
  clock,
  flush: ({ most = 10_000 }) => within(() => sdk.flush(), most),
  close: ({ most = 20_000 }) => within(() => sdk.close(), most),
  report: () => {
    const { user, system } = process.cpuUsage();
    return { cpu: (user + system) / 1e6, peakRss: process.resourceUsage().maxRSS / 1024, stats: sdk.stats?.() };
  },
};

process.on("message", async (/** @type {{ id: number, run: string }} */ order) => {
  const answer = await Promise.resolve(order)
    .then((one) => /** @type {(order: any) => object} */ (orders[one.run])(one))
    .catch((error) => ({ failed: String(error?.stack ?? error) }));
  process.send?.({ id: order.id, ...answer });
});
// The documented shutdown of most SDKs: the app calls it and then exits. Ours needs nothing of the app.
if (sdk.drains !== true) process.on("SIGTERM", () => void within(() => sdk.close(), 60_000).then(() => process.exit(0)));
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.send?.({ ready: true });
