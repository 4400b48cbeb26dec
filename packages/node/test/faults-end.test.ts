import {
  type Behaviour,
  type Finish,
  isStopped,
  Load,
  long,
  monotonic,
  pause,
  type RecordingApp,
  Rig,
  sized,
  until,
} from "@kmkit/testkit/faults";
import { describe, expect, it } from "vitest";

const PATIENCE = sized(20_000, 60_000);
const timeout = sized(60_000, 300_000);

interface Context {
  readonly onTestFinished: Finish;
}
const open = ({ onTestFinished }: Context) => Rig.open(onTestFinished);

/** How a receiver may be when an app is told to end; `down` is nobody there. */
type Fault = Behaviour | "down";
async function become(rig: Rig, fault: Fault): Promise<void> {
  if (fault === "down") await rig.receiver.down();
  else rig.receiver.behave(fault);
}
async function recover(rig: Rig, fault: Fault, must: readonly string[]): Promise<void> {
  if (fault === "down") await rig.receiver.up();
  rig.receiver.behave("accept");
  const next = rig.plain();
  await rig.arrived(must, PATIENCE);
  await next.ask("flush", { ms: PATIENCE });
  expect(await next.ask("stats", {})).toMatchObject({ kept: 0, refused: {}, recorded: 0 });
}

describe("an app that is told to end in mid-load loses nothing and is gone within two seconds", { concurrent: !long, timeout }, () => {
  it.for([
    ["SIGTERM", "accept"],
    ["SIGTERM", "down"],
    ["SIGTERM", "hang:60000"],
    ["SIGTERM", "slow:700"],
    ["SIGTERM", "busy:60"],
    ["SIGINT", "status:500"],
    ["SIGINT", "hang:60000"],
  ] as ["SIGTERM" | "SIGINT", Fault][])("%s while the receiver does %s", async ([signal, fault], context) => {
    const rig = await open(context);
    await become(rig, fault);
    const app = rig.plain();
    await app.ready;
    const recording = app.record(10_000_000, 5000).catch(() => {});
    await pause(sized(600, 2000));
    const end = await app.signal(signal);
    await recording;
    expect(end).toMatchObject({ code: null, signal });
    expect(end.took).toBeLessThan(2000);
    expect(app.recorded.length).toBeGreaterThan(500);
    await recover(rig, fault, app.recorded);
    expect(rig.receiver.ledger.repeated).toBeLessThanOrEqual(500);
  });

  it("a second SIGTERM ends it at once", async (context) => {
    const rig = await open(context);
    rig.receiver.behave("hang:60000");
    const app = rig.plain();
    await app.ready;
    const recording = app.record(10_000_000, 1000).catch(() => {});
    await until("the receiver hangs", () => rig.receiver.arrivals.length > 0, 5000);
    app.child.process.kill("SIGTERM");
    await pause(200);
    const end = await app.signal("SIGTERM");
    await recording;
    expect(end).toMatchObject({ code: null, signal: "SIGTERM" });
    expect(end.took).toBeLessThan(500);
    await recover(rig, "hang:60000", app.recorded);
  });

  it.for(["accept", "down", "hang:60000"] as Fault[])(
    "its own graceful shutdown, with close(), while the receiver does %s",
    async (fault, context) => {
      const rig = await open(context);
      await become(rig, fault);
      const app = rig.web({}, { SHUTDOWN: "own" });
      const load = new Load(await app.ready, app.label, 8);
      await pause(sized(600, 2000));
      const end = await app.signal("SIGTERM");
      await load.stop();
      expect(end).toMatchObject({ code: 0, signal: null });
      expect(end.took).toBeLessThan(2000);
      // What came while it was closing is told apart by its code; all else is sent or kept.
      const answered = load.answeredBy(end.at);
      expect(answered.length).toBeGreaterThan(30);
      if (fault !== "accept") expect(app.flushed).toMatchObject({ sent: 0 });
      await recover(rig, fault, answered);
    },
  );
});

describe("a script that neither closes nor waits ends by itself and soon", { concurrent: !long, timeout }, () => {
  it.for(["accept", "down", "hang:60000", "slow:3000"] as Fault[])("while the receiver does %s", async (fault, context) => {
    const rig = await open(context);
    await become(rig, fault);
    const app = rig.plain();
    await app.ready;
    await app.record(sized(2000, 20_000), 0);
    const start = monotonic();
    await app.ask("letGo", {});
    expect(await app.child.ended).toEqual({ code: 0, signal: null });
    expect(monotonic() - start).toBeLessThan(2000);
    await recover(rig, fault, app.recorded);
  });
});

describe("serverless, from memory: the promise settles on the receiver's word", { concurrent: !long, timeout }, () => {
  const behaviours: [Behaviour, number][] = [
    ["accept", 0],
    ["slow:500", 100],
    ["status:500", 2],
    ["lost-reply", 1],
    ["half-cut", 1],
  ];
  for (const [behaviour, requests] of behaviours) {
    it(`stopped at that moment, everything has arrived (${behaviour})`, async (context) => {
      const rig = await open(context);
      rig.receiver.behave(behaviour, requests);
      const app = rig.plain({ outbox: false });
      const count = sized(1200, 5000);
      await app.record(count, 0);
      void app.ask("safeThenStop", { ms: 30_000 }).catch(() => {});
      await until("it stops itself", () => isStopped(app.pid), 30_000);
      expect(rig.receiver.ledger.missing(app.recorded)).toEqual([]);
      app.child.process.kill("SIGCONT");
      await until("it goes on", () => !isStopped(app.pid), 1000);
      expect(await app.ask("stats", {})).toMatchObject({ recorded: count, sent: count, kept: 0, refused: {}, durable: false });
    });
  }

  it("a command recorded in the same tick as safe() is meant too", async (context) => {
    const rig = await open(context);
    rig.receiver.behave("slow:300");
    const app = rig.plain({ outbox: false });
    await app.ask("recordThenSafe", { label: app.label });
    expect(rig.receiver.ledger.missing([`${app.label}.last`])).toEqual([]);
  });
});

describe("a clock that jumps", { concurrent: !long, timeout }, () => {
  const jump = (apps: readonly RecordingApp[], ms: number) => Promise.all(apps.map((app) => app.ask("clock", { ms })));
  const hour = 3_600_000;

  it("back and forth in mid-run, two processes on one outbox: nothing is stuck, lost or sent over and over", async (context) => {
    const rig = await open(context);
    rig.receiver.behave("slow:20");
    const apps = [rig.plain(), rig.plain()];
    const length = sized(500, 3000);
    const recordings = apps.map((app) => app.record((1000 * 4 * length) / 1000, 1000));
    for (const ms of [-hour, 0, hour]) {
      await pause(length);
      await jump(apps, ms);
    }
    await Promise.all(recordings);
    await rig.arrived(
      apps.flatMap((app) => app.recorded),
      PATIENCE,
    );
    // At a jump a lease may look as if it had run out: one batch then goes twice.
    expect(rig.receiver.ledger.repeated).toBeLessThanOrEqual(3 * 500);
    await Promise.all(apps.map((app) => app.ask("flush", { ms: 5000 })));
    for (const app of apps) expect(await app.ask("stats", {})).toMatchObject({ kept: 0, refused: {} });
  });

  it.for([-hour, hour])("by %i ms between a kill and the next start: what is left is sent at once", async (ms, context) => {
    const rig = await open(context);
    rig.receiver.behave("hang:60000");
    const first = rig.plain();
    await first.warm();
    await first.record(1000, 0);
    await pause(100);
    const { at } = await first.signal("SIGKILL");
    rig.receiver.behave("accept");
    const next = rig.plain({}, { CLOCK: String(ms) });
    await next.record(100, 0);
    await rig.arrived([...first.recordedBy(first.safeBy(at)), ...next.recorded], 5000);
  });
});

describe("through one client", () => {
  it("heap, handles and listeners stay flat, however many commands", { timeout }, async (context) => {
    const rig = await open(context);
    const app = rig.plain();
    await app.warm();
    const state = async (count: number) => {
      await app.record(count, 0);
      await app.ask("flush", { ms: PATIENCE });
      await pause(300);
      return app.ask("state", {});
    };
    const total = sized(100_000, 1_000_000);
    const early = await state(total / 5);
    const late = await state((total * 4) / 5);
    expect((late.heap - early.heap) / 2 ** 20).toBeLessThan(2);
    expect(late.listeners).toBe(early.listeners);
    expect(late.resources).toEqual(early.resources);
    expect(await app.ask("stats", {})).toMatchObject({ recorded: total + 1, sent: total + 1, kept: 0, refused: {} });
    expect(rig.receiver.ledger.stored).toBe(total + 1);
  });
});
