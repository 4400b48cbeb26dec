import fc from "fast-check";
import { expect, it } from "vitest";
import {
  createOutbox,
  type DeadLetter,
  type KmError,
  memoryStorage,
  type Outbox,
  type OutboxLimits,
  type Transport,
  type Verdict,
  verdict,
} from "../src/index.ts";

const limits: OutboxLimits = { maxBytes: 1 << 20, batchCommands: 100, batchBytes: 1 << 20, gather: 0, linger: 1, timeout: 200 };

/** An outbox before a receiver that answers with a status, and what became of the commands 0 to `count - 1`. */
async function make(count: number, status: (numbers: number[], call: number) => number, retryAfter?: string) {
  const taken: number[] = [];
  const letters: DeadLetter[] = [];
  const errors: KmError[] = [];
  const sizes: number[] = [];
  const storage = memoryStorage();
  const { setAside } = storage;
  storage.setAside = (more) => {
    letters.push(...more);
    return setAside(more);
  };
  const transport: Transport = async (batch): Promise<Verdict> => {
    const numbers = batch.lines.map(Number);
    const word = verdict(status(numbers, sizes.push(numbers.length)), retryAfter, Date.now());
    if (word.type === "accepted") taken.push(...numbers);
    return word;
  };
  const outbox = createOutbox(storage, transport, limits, (error) => errors.push(error));
  await outbox.put(Array.from({ length: count }, (_, n) => String(n)));
  return { outbox, taken, letters, errors, sizes, aside: () => letters.map(({ line }) => Number(line)) };
}

/** Tries again and again; each flush tries at once, whatever pause is on. */
async function tryAgain(outbox: Outbox, most: number): Promise<void> {
  for (let tries = 0; tries < most && outbox.stats().kept > 0; tries++) await outbox.flush(2);
}

const sorted = (numbers: Iterable<number>) => [...numbers].sort((a, b) => a - b);

it.each([403, 500])("a command that is never taken (%i), while others are, is set aside, and those behind it go on", async (refusal) => {
  const { outbox, taken, letters, errors, aside } = await make(250, (numbers) => (numbers.includes(7) ? refusal : 200));
  await tryAgain(outbox, 30);
  expect(sorted(new Set(taken))).toEqual(Array.from({ length: 250 }, (_, n) => n).filter((n) => n !== 7));
  expect(aside()).toEqual([7]);
  expect(letters[0]?.detail).toContain(
    `others are taken, this one never: ${refusal === 403 ? "KM_KEY_REFUSED" : "KM_COLLECTOR_BUSY"} status ${refusal}`,
  );
  expect(outbox.stats()).toMatchObject({ recorded: 250, sent: 249, kept: 0, refused: { KM_REJECTED: 1 } });
  expect(errors.map(({ code }) => code)).toEqual([refusal === 403 ? "KM_KEY_REFUSED" : "KM_COLLECTOR_BUSY", "KM_REJECTED"]);
});

it("whoever has met one such command is quicker with the next", async () => {
  const { outbox, aside, sizes } = await make(99, (numbers) => (numbers.includes(7) ? 500 : 200));
  await tryAgain(outbox, 30);
  expect(sizes.indexOf(1)).toBe(8);
  const before = sizes.length;
  await outbox.put(["100", "7"]);
  await tryAgain(outbox, 60);
  expect(sizes.slice(before).indexOf(1)).toBe(2);
  expect(aside()).toEqual([7, 7]);
});

it("exactly those are set aside, whichever and however many they are", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 60 }), fc.infiniteStream(fc.boolean()), fc.boolean(), async (count, choice, many) => {
      const bad = new Set(Array.from({ length: count - 1 }, (_, n) => n).filter((n) => (many || n % 7 === 3) && choice.next().value));
      // Not in first place alone: what comes behind must not matter.
      const number = (n: number) => (count % 2 === 0 ? n : count - 1 - n);
      const { outbox, taken, aside } = await make(count, (numbers) => (numbers.some((n) => bad.has(number(n))) ? 500 : 200));
      // Which ones are tried by themselves is up to chance: among many bad ones a good one is found in time.
      await tryAgain(outbox, 1000);
      expect(new Set(aside().map(number))).toEqual(bad);
      expect(aside()).toHaveLength(bad.size);
      expect(sorted(new Set(taken.map(number)))).toEqual(Array.from({ length: count }, (_, n) => n).filter((n) => !bad.has(n)));
    }),
    { numRuns: 60 },
  );
});

it("a receiver that takes nothing is asked with three small batches a try, and has nothing set aside", async () => {
  const { outbox, letters, sizes } = await make(250, () => 500);
  await tryAgain(outbox, 30);
  expect(letters).toEqual([]);
  expect(outbox.stats()).toMatchObject({ sent: 0, kept: 250 });
  expect(sizes.slice(8).filter((size) => size !== 1)).toEqual([]);
});

it("a receiver that comes back, or goes away again, at any moment has nothing set aside", async () => {
  for (let at = 8; at < 32; at++) {
    for (const well of [(call: number) => call > at, (call: number) => call > at && call < at + 3, (call: number) => call === at]) {
      let end = false;
      const { outbox, taken, letters } = await make(30, (_, call) => (end || well(call) ? 200 : 500));
      await tryAgain(outbox, 24);
      end = true;
      await tryAgain(outbox, 40);
      expect(letters).toEqual([]);
      expect(sorted(new Set(taken))).toEqual(Array.from({ length: 30 }, (_, n) => n));
    }
  }
});

it("a receiver that asks for a pause is not asked again before", async () => {
  const { outbox, letters, sizes } = await make(30, () => 503, "0");
  await tryAgain(outbox, 12);
  const before = sizes.length;
  await outbox.flush(0);
  expect(sizes.length - before).toBeLessThanOrEqual(1);
  expect(letters).toEqual([]);
});

it("a command that waits alone waits: nothing shows that the receiver is well", async () => {
  const { outbox, letters } = await make(1, (numbers) => (numbers.includes(0) ? 500 : 200));
  await tryAgain(outbox, 20);
  expect(letters).toEqual([]);
  await outbox.put(["1"]);
  await tryAgain(outbox, 100);
  expect(letters.map(({ line }) => line)).toEqual(["0"]);
  expect(outbox.stats()).toMatchObject({ sent: 1, kept: 0 });
});

it("an outbox that is closed meanwhile keeps what it has not sent", async () => {
  const { outbox, letters } = await make(100, (numbers, call) => {
    if (call === 14) void outbox.close(0);
    return numbers.some((n) => n % 10 === 0) ? 500 : 200;
  });
  await tryAgain(outbox, 30);
  await outbox.close(0);
  expect(letters).toEqual([]);
  expect(outbox.stats()).toMatchObject({ sent: 0, kept: 100 });
});
