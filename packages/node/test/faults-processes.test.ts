import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Child, startChild } from "@kmkit/testkit";
import { type Finish, long, pause, Rig, sized, until } from "@kmkit/testkit/faults";
import { describe, expect, it } from "vitest";

const PATIENCE = sized(20_000, 60_000);
const timeout = sized(60_000, 300_000);
/** Most commands of a batch: what may be under way when a sender dies. */
const BATCH = 500;

interface Context {
  readonly onTestFinished: Finish;
}
const open = ({ onTestFinished }: Context) => Rig.open(onTestFinished);

/** One of several that record into one outbox: a process of a cluster, or a thread. Its label is the last argument. */
const worker = (options: object, count: number) => `
import { parentPort } from "node:worker_threads";
import { createKm } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "../dist/index.js")).href)};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const label = process.argv.at(-1);
const client = createKm(${JSON.stringify(options)});
for (let n = 0; n < ${count}; n += 1) {
  client.as("bob").record("Seen", { n: label + "." + n });
  if (n % 50 === 49) await pause(5);
}
await pause(20);
await client.safe(10_000);
if (parentPort === null) process.send("safe");
else parentPort.postMessage("safe");
setInterval(() => {}, 1000);
`;

/** Runs a program whose `WORKER` is the file of a {@link worker} with so many commands. Both are gone when the test is over. */
function program(rig: Rig, { onTestFinished }: Context, source: string, count: number): Child {
  const folder = mkdtempSync(join(tmpdir(), "kmkit-worker-"));
  const file = join(folder, "worker.mjs");
  writeFileSync(file, worker({ url: rig.receiver.url, key: "local", outbox: rig.directory }, count));
  const child = startChild(source, { cwd: import.meta.dirname, env: { WORKER: file, NODE_ENV: "production" } });
  onTestFinished(async () => {
    child.process.kill("SIGKILL");
    await child.ended;
    rmSync(folder, { recursive: true });
  });
  return child;
}

const cluster = `
import cluster from "node:cluster";
let next = 0;
const hire = () => {
  const label = "w" + next++;
  cluster.setupPrimary({ exec: process.env.WORKER, execArgv: [], args: [label] });
  const worker = cluster.fork();
  worker.on("message", () => {
    console.log("safe", label);
    if (label === "w0" || label === "w1") worker.process.kill("SIGKILL");
  });
  worker.on("exit", hire);
};
for (let n = 0; n < 4; n += 1) hire();
`;

const threads = `
import { Worker } from "node:worker_threads";
const start = (label) => new Worker(process.env.WORKER, { argv: [label], execArgv: [] });
const safe = (worker) => new Promise((resolve, reject) => { worker.on("message", resolve); worker.on("error", reject); });
`;

const labels = (label: string, count: number) => Array.from({ length: count }, (_, n) => `${label}.${n}`);

describe("several processes of one app share an outbox directory", { concurrent: !long, timeout }, () => {
  const many = sized(4, 24);

  it("one sends at a time: each command goes once, whoever recorded it", async (context) => {
    const rig = await open(context);
    rig.receiver.behave("slow:10");
    const apps = Array.from({ length: many }, () => rig.plain());
    const each = sized(1500, 10_000 / 4);
    await Promise.all(apps.map((app) => app.record(each, sized(1000, 1250))));
    await rig.arrived(
      apps.flatMap((app) => app.recorded),
      PATIENCE,
    );
    expect(rig.receiver.ledger.copies).toBe(1);
    // The books of all of them together balance, too.
    await until(
      "all know that nothing waits",
      async () => (await Promise.all(apps.map((app) => app.ask("stats", {})))).every(({ kept }) => kept === 0),
      5000,
    );
    const stats = await Promise.all(apps.map((app) => app.ask("stats", {})));
    const sum = (of: (one: (typeof stats)[number]) => number) => stats.reduce((all, one) => all + of(one), 0);
    expect([sum(({ recorded }) => recorded), sum(({ sent }) => sent)]).toEqual([many * each, many * each]);
    for (const app of apps) expect(await app.ask("reported", {})).toEqual({});
  });

  it("killed one after the other under load, the others go on with what they left, and soon", async (context) => {
    const rig = await open(context);
    rig.receiver.behave("slow:10");
    const apps = Array.from({ length: many }, () => rig.plain());
    await Promise.all(apps.map((app) => app.warm()));
    const recordings = apps.map((app) => app.record(2000, sized(1000, 5000 / many)).catch(() => {}));
    const must: string[] = [];
    const dead = apps.slice(0, many / 2);
    for (const app of dead) {
      await pause(sized(300, 500) * Math.random() + 100);
      const { at } = await app.signal("SIGKILL");
      must.push(...app.recordedBy(app.safeBy(at)));
      // Nobody waits for a dead one's lease to run out.
      const before = rig.receiver.ledger.stored;
      await until("another sends", () => rig.receiver.ledger.stored > before, 3000);
    }
    await Promise.all(recordings);
    for (const app of apps.slice(dead.length)) must.push(...app.recorded);
    await rig.arrived(must, PATIENCE);
    expect(rig.receiver.ledger.repeated).toBeLessThanOrEqual(dead.length * BATCH);
  });

  it("with the receiver down and back: the backlog of all is sent once", async (context) => {
    const rig = await open(context);
    await rig.receiver.down();
    const apps = Array.from({ length: many }, () => rig.plain());
    await Promise.all(apps.map((app) => app.record(sized(1500, 5000), 0)));
    const [first, ...others] = apps;
    await first?.ask("safe", {});
    await first?.signal("SIGKILL");
    await rig.receiver.up();
    await rig.arrived(
      apps.flatMap((app) => app.recorded),
      PATIENCE,
    );
    expect(rig.receiver.ledger.copies).toBe(1);
    for (const app of others) expect((await app.ask("stats", {})).refused).toEqual({});
  });

  it("node:cluster, two workers killed and replaced", async (context) => {
    const rig = await open(context);
    const count = sized(1500, 10_000);
    const child = program(rig, context, cluster, count);
    const safe = () => new Set(child.output.out.match(/^safe w\d+$/gm)).size;
    await until(
      "six have recorded",
      () => safe() === 6,
      PATIENCE,
      () => child.output,
    );
    await rig.arrived(
      [0, 1, 2, 3, 4, 5].flatMap((n) => labels(`w${n}`, count)),
      PATIENCE,
    );
    expect(rig.receiver.ledger.repeated).toBeLessThanOrEqual(2 * BATCH);
    expect(child.output.error).toBe("");
  });

  it("worker threads of one process", async (context) => {
    const rig = await open(context);
    rig.receiver.behave("slow:10");
    const count = sized(1500, 10_000);
    const child = program(
      rig,
      context,
      `${threads} await Promise.all(["t0", "t1", "t2"].map(start).map(safe)); console.log("all");`,
      count,
    );
    await child.line("all");
    await rig.arrived(
      [0, 1, 2].flatMap((n) => labels(`t${n}`, count)),
      PATIENCE,
    );
    expect(rig.receiver.ledger.copies).toBe(1);
    expect(child.output.error).toBe("");
  });

  it("a worker thread that is terminated while it sends: another goes on with what it left, and soon", async (context) => {
    const rig = await open(context);
    rig.receiver.behave("hang:60000");
    const count = 500;
    const source = `${threads}
      const first = start("t0");
      await safe(first);
      console.log("first");
      process.once("message", async () => {
        await first.terminate();
        console.log("terminated");
        await safe(start("t1"));
        console.log("second");
      });`;
    const child = program(rig, context, source, count);
    await child.line("first");
    await until("it sends", () => rig.receiver.arrivals.length > 0, PATIENCE);
    child.process.send("terminate");
    await child.line("terminated");
    rig.receiver.behave("accept");
    await child.line("second");
    await rig.arrived([...labels("t0", count), ...labels("t1", count)], 4000);
    expect(child.output.error).toBe("");
  });
});
