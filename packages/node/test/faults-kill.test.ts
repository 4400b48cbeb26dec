import { type Finish, Load, long, pause, type RecordingApp, Rig, sized, until } from "@kmkit/testkit/faults";
import { describe, expect, it } from "vitest";

const PATIENCE = sized(20_000, 60_000);

const open = (context: { onTestFinished: Finish }) => Rig.open(context.onTestFinished);
const between = (from: number, to: number) => from + Math.random() * (to - from);
const several = (count: number, from: number, to: number) => Array.from({ length: count }, () => between(from, to));

/** Starts an app on what the killed ones have left, waits until all of it has arrived, and sees that the books balance. */
async function recover(rig: Rig, must: readonly string[], app: RecordingApp = rig.plain()): Promise<void> {
  await rig.arrived(must, PATIENCE);
  await app.ask("flush", { ms: PATIENCE });
  const { recorded, found, sent, kept, refused } = await app.ask("stats", {});
  expect({ kept, refused, balance: recorded + found - sent }).toEqual({ kept: 0, refused: {}, balance: 0 });
}

/** Lets web apps live so long under load (ms), one after the other on one directory; each is killed. Gives what must arrive. */
async function killUnderLoad(rig: Rig, lives: readonly number[]): Promise<string[]> {
  const must: string[] = [];
  for (const life of lives) {
    const app = rig.web();
    const port = await app.ready;
    must.push(await app.warm());
    const load = new Load(port, app.label, 8);
    await pause(life);
    await until("some are answered", () => load.answered.size > 100, 10_000);
    const { at } = await app.signal("SIGKILL");
    await load.stop();
    must.push(...load.answeredBy(app.safeBy(at)));
  }
  return must;
}

/** Lets workers live so long while they record at a rate; each is killed. */
async function killWorkers(rig: Rig, lives: readonly number[], rate: number): Promise<string[]> {
  const must: string[] = [];
  for (const life of lives) {
    const app = rig.plain();
    must.push(await app.warm());
    const recording = app.record(10_000_000, rate).catch(() => {});
    await pause(life);
    await until("some are recorded", () => app.recorded.length > rate / 10, 10_000);
    const { at } = await app.signal("SIGKILL");
    await recording;
    must.push(...app.recordedBy(app.safeBy(at)));
  }
  return must;
}

describe("kill -9 loses nothing that was recorded 50 ms before", { concurrent: !long, timeout: sized(60_000, 600_000) }, () => {
  const lives = () => [...several(sized(1, 10), 60, 300), ...several(sized(2, 10), 300, sized(900, 3000))];

  it("at random moments under load, one life after the other", async (context) => {
    const rig = await open(context);
    const must = await killUnderLoad(rig, lives());
    expect(must.length).toBeGreaterThan(50);
    await recover(rig, must);
  });

  it("with the receiver down since before the kills", async (context) => {
    const rig = await open(context);
    await rig.receiver.down();
    const must = await killUnderLoad(rig, lives());
    expect(must.length).toBeGreaterThan(50);
    expect(rig.receiver.ledger.stored).toBe(0);
    await rig.receiver.up();
    await recover(rig, must);
  });

  it("at 5,000 a second", async (context) => {
    const rig = await open(context);
    const must = await killWorkers(rig, sized([between(500, 1500)], [1990, 1990, 1990]), 5000);
    expect(must.length).toBeGreaterThan(100);
    await recover(rig, must);
  });

  it("at 5,000 a second with the receiver down", async (context) => {
    const rig = await open(context);
    await rig.receiver.down();
    const must = await killWorkers(rig, sized([between(500, 1500)], [1990, 1990, 1990]), 5000);
    await rig.receiver.up();
    await recover(rig, must);
  });

  it("in mid-start, over and over: the outbox that is being made is not spoilt", async (context) => {
    const rig = await open(context);
    for (const moment of several(sized(6, 60), 0, 60)) {
      const app = rig.plain();
      await app.ready;
      void app.record(10_000_000, 1000).catch(() => {});
      await pause(moment);
      await app.signal("SIGKILL");
    }
    const last = rig.plain();
    await recover(rig, [await last.warm()], last);
    expect(last.child.output.error).toBe("");
    expect(await last.ask("reported", {})).toEqual({});
  });

  it("while a backlog is sent, and twice in quick succession while the next ones begin with it", async (context) => {
    const rig = await open(context);
    const count = sized(10_000, 100_000);
    await rig.receiver.down();
    const first = rig.plain();
    await first.warm();
    await first.record(count, 0);
    await first.ask("safe", {});
    await first.signal("SIGKILL");
    const must = first.recorded;
    rig.receiver.behave("slow:30");
    await rig.receiver.up();
    const moments = [between(50, 300), between(0, 100), between(0, 30), ...several(sized(0, 12), 0, 1000)];
    for (const moment of moments) {
      const app = rig.plain();
      await app.ready;
      await pause(moment);
      await app.signal("SIGKILL");
    }
    rig.receiver.behave("accept");
    await recover(rig, must);
    // Nothing but what was under way at a kill goes twice.
    expect(rig.receiver.ledger.repeated).toBeLessThanOrEqual(moments.length * 500);
  });
});

describe("two faults at once: kill -9 while", { concurrent: !long, timeout: sized(60_000, 600_000) }, () => {
  const behaviours = ["status:500", "busy:1", "lost-reply:3", "hang:600", "half-cut", "reset-in-body", "no-http"] as const;
  for (const behaviour of behaviours) {
    it(`the receiver does ${behaviour}`, async (context) => {
      const rig = await open(context);
      rig.receiver.behave(behaviour);
      const must = await killWorkers(rig, several(sized(2, 8), 100, sized(500, 3000)), 1000);
      rig.receiver.behave("accept");
      await recover(rig, must);
      // However often it came: one id for each command.
      expect(rig.receiver.ledger.labels.size).toBe(rig.receiver.ledger.stored);
    });
  }
});
