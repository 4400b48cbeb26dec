import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CollectorProcess, type Finish, long, MemoryWatch, pause, RecordingApp, SmallDisk, sized, until } from "@kmkit/testkit/faults";
import { describe, expect, it } from "vitest";

const PATIENCE = sized(30_000, 120_000);
const timeout = sized(90_000, 600_000);

interface Context {
  readonly onTestFinished: Finish;
}

/** A folder for a collector and an app that sends to it. All is gone when the test is over. */
function place({ onTestFinished }: Context): { folder: string; collector: CollectorProcess; app(): RecordingApp } {
  const folder = mkdtempSync(join(tmpdir(), "kmkit-fault-collector-"));
  const collector = new CollectorProcess(join(folder, "data"));
  const apps: RecordingApp[] = [];
  onTestFinished(async () => {
    for (const one of apps) one.child.process.kill("SIGKILL");
    await Promise.all([...apps.map((one) => one.child.ended), collector.signal("SIGKILL")]);
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    folder,
    collector,
    app: () => {
      const app = RecordingApp.plain({ options: { url: collector.url, outbox: join(folder, "outbox") } });
      apps.push(app);
      return app;
    },
  };
}

/** What was recorded and is not stored, and what is stored more than once. */
async function compare(
  collector: CollectorProcess,
  labels: readonly string[],
): Promise<{ missing: string[]; twice: string[]; strange: string[] }> {
  const counts = new Map<string, number>(labels.map((label) => [label, 0]));
  const strange: string[] = [];
  await collector.labels((label) => {
    const count = counts.get(label);
    if (count === undefined) strange.push(label);
    else counts.set(label, count + 1);
  });
  const having = (is: (count: number) => boolean) => [...counts].filter(([, count]) => is(count)).map(([label]) => label);
  return { missing: having((count) => count === 0), twice: having((count) => count > 1), strange };
}

/** Waits until the app has handed over everything and the collector has stored it. */
async function settled(app: RecordingApp, collector: CollectorProcess): Promise<void> {
  await until(
    "the app has sent all",
    async () => (await app.ask("stats", {})).kept === 0,
    PATIENCE,
    () => app.child.output,
  );
  await until(
    "all is stored",
    async () => (await collector.status()).waiting === 0,
    PATIENCE,
    () => collector.errors,
  );
}

describe("a real collector behind a real app", { concurrent: !long, timeout }, () => {
  it("killed over and over in mid-load: everything is stored, and once", async (context) => {
    const { collector, app: start } = place(context);
    await collector.start();
    const app = start();
    const rate = sized(1500, 3000);
    let recording = Promise.resolve();
    for (let kill = 0; kill < sized(3, 15); kill += 1) {
      recording = recording.then(() => app.record(rate * 2, rate));
      const { stored } = await collector.status();
      await until("it stores", async () => (await collector.status()).stored > stored, PATIENCE);
      await pause(Math.random() * 700);
      await collector.signal("SIGKILL");
      await collector.start();
    }
    await recording;
    await settled(app, collector);
    expect(await compare(collector, app.recorded)).toEqual({ missing: [], twice: [], strange: [] });
    const recorded = app.recorded.length;
    expect(await app.ask("stats", {})).toMatchObject({ recorded, sent: recorded, refused: {} });
    expect(await collector.status()).toMatchObject({ stored: recorded, setAside: 0 });
  });

  it("its store has no room for a while: it goes on acknowledging, and stores all of it once there is", async (context) => {
    const { collector, app: start } = place(context);
    mkdirSync(join(collector.directory, "store"), { recursive: true });
    const disk = SmallDisk.make(sized(64, 256), join(collector.directory, "store"));
    if (disk === undefined) return context.skip("nothing may be mounted here");
    context.onTestFinished(async () => disk.unmount());
    await collector.start();
    const app = start();
    await app.record(1000, 0);
    await settled(app, collector);
    disk.fill();
    const memory = new MemoryWatch(collector.pid);
    await app.record(sized(4000, 120_000), 2000);
    await until("all is acknowledged", async () => (await app.ask("stats", {})).kept === 0, 5000);
    await until("the collector says what is wrong", async () => (await collector.status()).fault !== null, PATIENCE);
    expect((await collector.status()).waiting).toBeGreaterThan(0);
    expect(memory.stop()).toBeLessThan(200);
    // A kill in this state loses nothing either.
    await collector.signal("SIGKILL");
    disk.free();
    await collector.start();
    await app.record(500, 1000);
    await settled(app, collector);
    expect(await compare(collector, app.recorded)).toEqual({ missing: [], twice: [], strange: [] });
  });

  it("its own outbox has no room for a while: it refuses, the app keeps, and all is stored once there is", async (context) => {
    const { collector, app: start } = place(context);
    mkdirSync(join(collector.directory, "outbox"), { recursive: true });
    const disk = SmallDisk.make(16, join(collector.directory, "outbox"));
    if (disk === undefined) throw new Error("nothing may be mounted here");
    context.onTestFinished(async () => disk.unmount());
    await collector.start();
    const app = start();
    await app.record(1000, 0);
    await settled(app, collector);
    disk.fill();
    await app.record(sized(4000, 20_000), 2000);
    await until("the app waits", async () => (await app.ask("stats", {})).fault !== undefined, 5000);
    disk.free();
    // It lives.
    await collector.status();
    await settled(app, collector);
    expect(await compare(collector, app.recorded)).toEqual({ missing: [], twice: [], strange: [] });
  });
});
