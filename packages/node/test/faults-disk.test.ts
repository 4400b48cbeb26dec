import { ftruncateSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Finish, Load, limitFiles, long, pause, type RecordingApp, Rig, SmallDisk, sized, until } from "@kmkit/testkit/faults";
import { describe, expect, it } from "vitest";

const PATIENCE = sized(15_000, 60_000);
const timeout = sized(60_000, 300_000);

interface Context {
  readonly onTestFinished: Finish;
}
const open = ({ onTestFinished }: Context) => Rig.open(onTestFinished);

const canMount = (() => {
  const disk = SmallDisk.make(1);
  disk?.remove();
  return disk !== undefined;
})();

/** The oldest file of commands. */
function fileOf(directory: string): string {
  const [name = ""] = readdirSync(directory)
    .filter((one) => /^\d.*\.(ndjson|open)$/.test(one))
    .sort();
  return join(directory, name);
}

/** A rig whose outbox stands on a small disk of its own. */
async function onDisk(context: Context, megabytes: number): Promise<{ rig: Rig; disk: SmallDisk }> {
  const rig = await open(context);
  mkdirSync(rig.directory);
  const disk = SmallDisk.make(megabytes, rig.directory) as SmallDisk;
  context.onTestFinished(async () => disk.unmount());
  return { rig, disk };
}

/** Load for so long; every request must be answered. Gives what was. */
async function answers(app: RecordingApp, part: string, ms: number = sized(400, 3000)): Promise<string[]> {
  const load = new Load(await app.ready, `${app.label}.${part}`, 4);
  await pause(ms);
  await until("enough answers", async () => load.answered.size > 20, PATIENCE);
  await load.stop();
  // It lives.
  await app.ask("stats", {});
  return [...load.answered.keys()];
}

/** Sends what waits; recorded = delivered + refused, and the receiver has what the app says it has. */
async function books(rig: Rig, app: RecordingApp, recorded: number): Promise<Record<string, number>> {
  await until(
    "nothing waits",
    async () => (await app.ask("flush", { ms: 1000 })).kept === 0,
    PATIENCE,
    () => app.child.output,
  );
  const { refused, ...stats } = await app.ask("stats", {});
  const dropped = Object.values(refused).reduce((sum, count) => sum + count, 0);
  expect({ recorded: stats.recorded, sent: stats.sent }).toEqual({ recorded, sent: recorded - dropped });
  expect(rig.receiver.ledger.stored).toBe(recorded - dropped);
  expect(rig.receiver.ledger.doubles.size).toBe(0);
  return refused;
}

/** The ways in which a disk becomes full, and has room again. */
const ways: Record<
  string,
  (context: Context, lets: (rig: Rig, full: (is: boolean, app: RecordingApp) => void) => Promise<void>) => Promise<void>
> = {
  "a small disk": async (context, run) => {
    const { rig, disk } = await onDisk(context, 16);
    await run(rig, (is) => (is ? disk.fill() : disk.free()));
  },
  "a limit on files": async (context, run) => {
    const rig = await open(context);
    await run(rig, (is, app) => limitFiles(app.pid, is ? 0 : "unlimited"));
  },
};

describe.for(Object.entries(ways).filter(([name]) => canMount || name !== "a small disk"))(
  "a disk that is full: %s",
  { concurrent: !long, timeout },
  ([, way]) => {
    it("the receiver down: every request is answered, what cannot be kept is counted, and when there is room it keeps again", async (context) => {
      await way(context, async (rig, full) => {
        await rig.receiver.down();
        const app = rig.web();
        const before = await answers(app, "before");
        await app.ask("safe", {});
        full(true, app);
        const during = await answers(app, "during", sized(1500, 10_000));
        full(false, app);
        await pause(100);
        const after = await answers(app, "after");
        await rig.receiver.up();
        const refused = await books(rig, app, before.length + during.length + after.length);
        expect(rig.receiver.ledger.missing([...before, ...after])).toEqual([]);
        // Told by nothing but this code, and what is missing is what was counted.
        expect(Object.keys(refused).filter((code) => code !== "KM_OUTBOX_UNWRITABLE")).toEqual([]);
        expect(rig.receiver.ledger.missing(during)).toHaveLength(refused.KM_OUTBOX_UNWRITABLE ?? 0);
      });
    });

    it("the receiver away only for a moment: nothing is lost, since the memory can hold it so long", async (context) => {
      await way(context, async (rig, full) => {
        const app = rig.web();
        const before = await answers(app, "before");
        full(true, app);
        await rig.receiver.down();
        const during = await answers(app, "during");
        await rig.receiver.up();
        expect(await books(rig, app, before.length + during.length)).toEqual({});
        expect(rig.receiver.ledger.repeated).toBeLessThanOrEqual(1000);
      });
    });

    it("a backlog is sent all the same, when the receiver is back before there is room", async (context) => {
      await way(context, async (rig, full) => {
        await rig.receiver.down();
        const app = rig.plain();
        await app.record(5000, 0);
        await app.ask("safe", {});
        full(true, app);
        await rig.receiver.up();
        await rig.arrived(app.recorded, 10_000);
        expect(rig.receiver.ledger.copies).toBeLessThan(1.2);
      });
    });

    it("it is printed once, where nobody listens", async (context) => {
      await way(context, async (rig, full) => {
        await rig.receiver.down();
        const app = rig.web({}, { LISTEN: "no" });
        await answers(app, "before");
        full(true, app);
        await answers(app, "during", 1500);
        const codes = app.child.output.error.match(/KM_\w+/g) ?? [];
        expect(codes.length).toBe(new Set(codes).size);
        expect(codes).toContain("KM_OUTBOX_UNWRITABLE");
      });
    });

    it("two faults at once: a kill while it is full loses nothing that was safe before", async (context) => {
      await way(context, async (rig, full) => {
        await rig.receiver.down();
        const app = rig.web();
        const before = await answers(app, "before");
        await app.ask("safe", {});
        full(true, app);
        await answers(app, "during");
        await app.signal("SIGKILL");
        full(false, rig.plain());
        await rig.receiver.up();
        await rig.arrived(before, PATIENCE);
      });
    });
  },
);

describe.runIf(canMount)("a disk from the start", { concurrent: !long, timeout }, () => {
  it("without any room: the memory takes over, is said once, and everything is delivered", async (context) => {
    const { rig, disk } = await onDisk(context, 1);
    disk.fill();
    const app = rig.web();
    const seen = await answers(app, "seen");
    expect(await books(rig, app, seen.length)).toEqual({});
    expect(await app.ask("reported", {})).toEqual({ KM_OUTBOX_UNWRITABLE: 1 });
  });

  it("that is read-only: the same; and what an earlier process left on it is still there", async (context) => {
    const { rig, disk } = await onDisk(context, 8);
    await rig.receiver.down();
    const earlier = rig.plain();
    await earlier.record(500, 0);
    await earlier.ask("close", { ms: 100 });
    await earlier.signal("SIGKILL");
    disk.readOnly();
    await rig.receiver.up();
    const app = rig.web();
    const seen = await answers(app, "seen");
    await rig.arrived(seen, PATIENCE);
    expect(await app.ask("reported", {})).toEqual({ KM_OUTBOX_MEMORY: 1 });
    await app.signal("SIGKILL");
    disk.writable();
    rig.plain();
    await rig.arrived(earlier.recorded, PATIENCE);
  });
});

describe("an outbox that somebody spoils while the app runs", { concurrent: !long, timeout }, () => {
  /** Spoils the outbox of an app with the receiver down; every request must be answered, and later ones are kept, as a kill then shows. */
  async function spoil(context: Context, how: (rig: Rig) => void): Promise<void> {
    const rig = await open(context);
    await rig.receiver.down();
    const app = rig.web();
    await answers(app, "before");
    await app.ask("safe", {});
    how(rig);
    await answers(app, "during", 1000);
    // It has noticed by now.
    await pause(3000);
    const after = await answers(app, "after");
    await app.ask("safe", {});
    const told = await app.ask("reported", {});
    await app.signal("SIGKILL");
    await rig.receiver.up();
    const next = rig.plain();
    await rig.arrived(after, PATIENCE);
    // By the app that lives with it, or by the one that reads what it has left.
    const codes = Object.keys({ ...told, ...(await next.ask("reported", {})) });
    expect(codes.filter((code) => code === "KM_OUTBOX_BROKEN" || code === "KM_OUTBOX_UNWRITABLE").length).toBeGreaterThan(0);
  }

  it("the directory is deleted", async (context) => spoil(context, ({ directory }) => rmSync(directory, { recursive: true })));

  it("the directory is moved away", async (context) => spoil(context, ({ directory }) => renameSync(directory, `${directory}-old`)));

  it("the file is cut off", async (context) => spoil(context, ({ directory }) => ftruncateSync(openSync(fileOf(directory), "r+"), 100)));

  it("the file is overwritten with noise", async (context) =>
    spoil(context, ({ directory }) => {
      const file = fileOf(directory);
      const handle = openSync(file, "r+");
      writeSync(handle, Buffer.alloc(statSync(file).size, "noise"), 0);
    }));
});

describe("an outbox that was spoilt before the start", { concurrent: !long, timeout }, () => {
  /** Spoils what a killed app has left; the next one must move it aside, say so once, and be durable. */
  async function spoilt(context: Context, spoil: (handle: number, size: number) => void): Promise<void> {
    const rig = await open(context);
    await rig.receiver.down();
    const earlier = rig.plain();
    await earlier.record(3000, 0);
    await earlier.ask("safe", {});
    await earlier.signal("SIGKILL");
    const file = fileOf(rig.directory);
    spoil(openSync(file, "r+"), statSync(file).size);
    await rig.receiver.up();
    const app = rig.web();
    const seen = await answers(app, "seen");
    await rig.arrived(seen, 5000);
    expect(await app.ask("reported", {})).toEqual({ KM_OUTBOX_BROKEN: 1 });
    expect((await app.ask("stats", {})).durable).toBe(true);
    const { found, refused } = await app.ask("stats", {});
    expect([found, rig.receiver.ledger.stored]).toEqual([3000, 3000 + seen.length - (refused.KM_OUTBOX_BROKEN ?? 0)]);
    expect(refused.KM_OUTBOX_BROKEN).toBeGreaterThan(0);
  }

  const noise = (handle: number, from: number, to: number) => void writeSync(handle, Buffer.alloc(to - from, "noise"), 0, to - from, from);

  it("cut off", async (context) => spoilt(context, (handle, size) => ftruncateSync(handle, size >> 1)));

  it("noise", async (context) => spoilt(context, (handle, size) => noise(handle, 0, size)));

  it("noise behind a whole head", async (context) => spoilt(context, (handle, size) => noise(handle, 4096, size)));

  it("some pages of noise in the middle", async (context) =>
    spoilt(context, (handle, size) => noise(handle, size >> 1, (size >> 1) + 500)));
});
