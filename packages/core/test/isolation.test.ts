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

const limits: OutboxLimits = {
  maxBytes: 1 << 20,
  batchCommands: 100,
  batchBytes: 1 << 20,
  gather: 0,
  linger: 1,
  timeout: 200,
  patience: 0,
};

/** What a receiver says of a batch: a status, or a verdict. */
type Word = number | Verdict;

/** An outbox before a receiver, and what became of the commands 0 to `count - 1`. */
async function make(count: number, answer: (numbers: number[], call: number) => Word, given: Partial<OutboxLimits> = {}) {
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
    const said = answer(numbers, sizes.push(numbers.length));
    const word = typeof said === "number" ? verdict(said, undefined, Date.now()) : said;
    if (word.type === "accepted") taken.push(...numbers.filter((_, index) => !word.refused?.some((one) => one.index === index)));
    return word;
  };
  const outbox = createOutbox(storage, transport, { ...limits, ...given }, (error) => errors.push(error));
  if (count > 0) await outbox.put(Array.from({ length: count }, (_, n) => String(n)));
  return { outbox, storage, taken, letters, errors, sizes, aside: () => letters.map(({ line }) => Number(line)) };
}

/** Numbers from 0. */
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);
/** recorded = sent + kept + refused, to the last command, and none of them below nothing. */
function expectBalance(outbox: Outbox): void {
  const { recorded, sent, kept, refused } = outbox.stats();
  const all = [sent, kept, ...Object.values(refused)];
  expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
  expect(all.reduce((sum, count) => sum + count, 0)).toBe(recorded);
}

/** Tries again and again; each flush tries at once, whatever pause is on. */
async function tryAgain(outbox: Outbox, most: number): Promise<void> {
  for (let tries = 0; tries < most && outbox.stats().kept > 0; tries++) await outbox.flush(2);
}

const sorted = (numbers: Iterable<number>) => [...numbers].sort((a, b) => a - b);

it.each([403, 500])("a command that is never taken (%i), while others are, is set aside, and those behind it go on", async (refusal) => {
  const { outbox, taken, letters, errors, aside } = await make(250, (numbers) => (numbers.includes(7) ? refusal : 200));
  await tryAgain(outbox, 40);
  const code = refusal === 403 ? "KM_KEY_REFUSED" : "KM_COLLECTOR_BUSY";
  expect(sorted(new Set(taken))).toEqual(upTo(250).filter((n) => n !== 7));
  expect(aside()).toEqual([7]);
  expect(letters[0]?.detail).toBe(`others are taken, this one never: ${code} status ${refusal}`);
  expect(outbox.stats()).toMatchObject({ recorded: 250, sent: 249, kept: 0, refused: { KM_REJECTED: 1 } });
  expect(errors.map((error) => error.code)).toEqual([code, "KM_REJECTED"]);
});

it("exactly those are set aside, whichever and however many they are", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 100 }), fc.infiniteStream(fc.boolean()), fc.boolean(), async (count, choice, back) => {
      const bad = new Set(
        upTo(count - 1)
          .filter((n) => (n % 10 === 3 || count < 10) && choice.next().value)
          .slice(0, Math.max(1, count / 10)),
      );
      const number = (n: number) => (back ? count - 1 - n : n);
      const { outbox, taken, aside } = await make(count, (numbers) => (numbers.some((n) => bad.has(number(n))) ? 500 : 200));
      await tryAgain(outbox, 200);
      expect(sorted(aside().map(number))).toEqual(sorted(bad));
      expect(sorted(new Set(taken.map(number)))).toEqual(upTo(count).filter((n) => !bad.has(n)));
      expectBalance(outbox);
    }),
    { numRuns: 60 },
  );
});

it("where a whole kind of commands is not taken, they wait", async () => {
  for (const count of [2, 10, 25, 100]) {
    const { outbox, letters } = await make(count + 1, (numbers) => (numbers.some((n) => n % 4 < 2) ? 500 : 200));
    await tryAgain(outbox, 40);
    expect(letters).toEqual([]);
    expect(outbox.stats()).toMatchObject({ sent: 0, kept: count + 1 });
  }
});

it("what stands alone before a full batch is compared with that", async () => {
  const { outbox, aside } = await make(0, (numbers) => (numbers.includes(0) ? 500 : 200));
  await outbox.put(["0"]);
  await outbox.put(upTo(101).slice(1).map(String));
  await tryAgain(outbox, 60);
  expect(aside()).toEqual([0]);
  expect(outbox.stats()).toMatchObject({ sent: 100, kept: 0 });
});

it("not before the time is over, however often it was tried", async () => {
  const { outbox, letters, sizes } = await make(50, (numbers) => (numbers.includes(7) ? 500 : 200), { patience: 60_000 });
  await tryAgain(outbox, 40);
  expect(sizes).toEqual(Array(sizes.length).fill(50));
  expect(letters).toEqual([]);
});

it("looks come further and further apart, whoever flushes in between", async () => {
  const { outbox, sizes } = await make(50, (numbers) => (numbers.some((n) => n % 4 < 2) ? 500 : 200), { patience: 400 });
  const start = performance.now();
  // Each look begins with a single command, behind an ordinary try.
  const looks = () => sizes.filter((size, at) => size === 1 && sizes[at - 1] === 50).length;
  while (looks() < 4) await outbox.flush(2);
  expect(performance.now() - start).toBeGreaterThanOrEqual(400 + 40 + 80 + 160);
});

it("what is taken in a look keeps its order", async () => {
  const { outbox, taken } = await make(0, (numbers) => (numbers.includes(25) ? 500 : 200), { batchCommands: 40 });
  await outbox.put(upTo(40).map(String));
  await outbox.put(upTo(80).slice(40).map(String));
  while (new Set(taken).size < 79) await outbox.flush(2);
  // The first one of a look is the sample, wherever it stands.
  const [sample, ...first] = new Set(taken);
  expect(first).toEqual(upTo(80).filter((n) => n !== 25 && n !== sample));
});

it("a look ends where the receiver asks for a pause", async () => {
  const pause: Verdict = { type: "retry", code: "KM_COLLECTOR_BUSY", after: 60_000 };
  // In each look at another moment.
  for (let at = 10; at < 30; at++) {
    const { outbox, sizes, letters } = await make(40, (numbers, call) =>
      call >= at && numbers.length < 40 ? pause : numbers.includes(25) ? 500 : 200,
    );
    while (sizes.length < at) await outbox.flush(2);
    const paused = sizes.findIndex((size, index) => index + 1 >= at && size < 40) + 1;
    if (paused > 0) expect(sizes.length).toBe(paused);
    expect(letters).toEqual([]);
    await outbox.close(0);
  }
});

it("never, where an outbox is not told to", async () => {
  const { outbox, letters } = await make(50, (numbers) => (numbers.includes(7) ? 500 : 200), { patience: undefined as never });
  await tryAgain(outbox, 40);
  expect(letters).toEqual([]);
});

it("a receiver that takes nothing is asked with two commands a try, and has nothing set aside", async () => {
  const { outbox, letters, sizes } = await make(250, () => 500);
  await tryAgain(outbox, 30);
  expect(letters).toEqual([]);
  expect(outbox.stats()).toMatchObject({ sent: 0, kept: 250 });
  // An ordinary try and two single commands, in turn.
  expect(sizes.slice(8, 20)).toEqual([1, 1, 100, 1, 1, 100, 1, 1, 100, 1, 1, 100]);
});

it.each([413, 400])("that it refuses some for good (%i) does not show that it is well", async (status) => {
  for (let run = 0; run < 20; run++) {
    const { outbox, aside } = await make(20, (numbers) => (numbers.every((n) => n % 2 === 0) && numbers.length === 1 ? status : 502));
    await tryAgain(outbox, 14);
    expect(aside().filter((n) => n % 2 === 1)).toEqual([]);
    expectBalance(outbox);
  }
});

it("nor that it refuses all but one for good", async () => {
  const { outbox, letters } = await make(20, (numbers) => (numbers.includes(7) ? 502 : 400));
  await tryAgain(outbox, 40);
  expect(letters).toEqual([]);
  expect(outbox.stats()).toMatchObject({ sent: 0, kept: 20 });
});

it("what is refused for good beside it is set aside once, also where the batch has to be split", async () => {
  const { outbox, aside, taken } = await make(100, (numbers): Word => {
    if (numbers.length > 12) return { type: "split" };
    if (numbers.includes(93)) return 500;
    return {
      type: "accepted",
      refused: numbers.flatMap((n, index) => (n % 2 === 0 ? [{ index, code: "KM_TIME_RANGE" }] : [])),
    };
  });
  await tryAgain(outbox, 60);
  expect(sorted(aside())).toEqual(upTo(100).filter((n) => n % 2 === 0 || n === 93));
  expect(sorted(new Set(taken))).toEqual(upTo(100).filter((n) => n % 2 === 1 && n !== 93));
  expect(outbox.stats()).toMatchObject({ sent: 49, kept: 0, refused: { KM_TIME_RANGE: 50, KM_REJECTED: 1 } });
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
      expect(sorted(new Set(taken))).toEqual(upTo(30));
    }
  }
});

it("nor has one of which every other request fails when it is back", async () => {
  for (let run = 0; run < 40; run++) {
    const { outbox, letters } = await make(30, (_, call) => (call > 8 && call % 2 === run % 2 ? 200 : 500));
    await tryAgain(outbox, 40);
    expect(letters).toEqual([]);
    expect(outbox.stats()).toMatchObject({ sent: 30, kept: 0 });
  }
});

it("a receiver that asks for a pause is left alone", async () => {
  const pause: Verdict = { type: "retry", code: "KM_COLLECTOR_BUSY", after: 0 };
  const { outbox, letters, sizes } = await make(30, () => pause);
  await tryAgain(outbox, 20);
  expect(sizes.slice(8, 16)).toEqual([1, 30, 1, 30, 1, 30, 1, 30]);
  const meanwhile = await make(30, (numbers, call) => (numbers.includes(7) ? (call < 30 ? 500 : pause) : 200));
  await tryAgain(meanwhile.outbox, 40);
  expect([...letters, ...meanwhile.letters]).toEqual([]);
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

it("what cannot be set aside waits, with the pauses of any other fault", async () => {
  const { outbox, storage, errors, sizes } = await make(20, () => ({ type: "accepted", refused: [{ index: 7, code: "KM_TIME_RANGE" }] }));
  const { setAside } = storage;
  storage.setAside = async () => Promise.reject(new Error("ENOSPC"));
  for (let tries = 0; tries < 5; tries++) await outbox.flush(2);
  expect(outbox.stats()).toMatchObject({ sent: 0, kept: 20, fault: "KM_OUTBOX_UNWRITABLE: Error: ENOSPC" });
  expect(errors.filter(({ code }) => code === "KM_OUTBOX_UNWRITABLE")).toHaveLength(1);
  expect(sizes.length).toBeLessThan(20);
  storage.setAside = setAside;
  await tryAgain(outbox, 5);
  expect(outbox.stats()).toMatchObject({ sent: 19, kept: 0, refused: { KM_TIME_RANGE: 1 } });
});
