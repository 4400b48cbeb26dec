import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Person } from "../src/store/person.ts";
import { alias, lines, type Opened, openTemporary, own, record, set, start, uuid } from "./store-fixture.ts";

let opened: Opened;
beforeAll(async () => {
  opened = await openTemporary();
});
afterAll(() => opened.end());

let last = 100;
const product = (): number => ++last;
const write = (...rows: string[]): Promise<void> => opened.store.write(rows);
const person = (of: number, identity: string): Promise<Person | undefined> => opened.store.person(of, identity);
const day = 86_400_000;
/** How many rows of a product lie in the table, those that no longer count included. */
const raw = async (of: number): Promise<number> =>
  (await opened.engine.query<{ n: number }>("SELECT toUInt32(count()) AS n FROM km.commands WHERE product = {p:UInt32}", { p: of }))[0]
    ?.n ?? 0;
const counted = async (work: () => Promise<unknown>): Promise<number> => {
  const before = (await opened.store.counts()).commands;
  await work();
  return (await opened.store.counts()).commands - before;
};

describe("an id that the app gave", () => {
  it("counts once when its retry comes a day later, in another batch and after a restart, and is not stored again", async () => {
    const p = product();
    const copy = (days: number): string => own("a", "paid", { n: `${days}` }, { product: p, id: uuid(1), time: start + days * day });
    const more = await counted(async () => {
      await write(copy(0));
      await write(copy(1));
      await opened.reopen();
      await write(copy(2), record("a", "other", {}, { product: p, id: uuid(2) }));
    });
    expect(more).toBe(2);
    expect(await raw(p)).toBe(2);
    const found = await person(p, "a");
    expect(found?.events.map(({ id, time }) => [id, time])).toEqual([
      [uuid(2), start],
      [uuid(1), start],
    ]);
    expect(found?.identities).toEqual([{ identity: "a", anonymous: false, first: start, last: start, commands: 2 }]);
    expect(found?.properties.n).toEqual({ value: 0, time: start });
  });

  it("counts at its earliest time whatever came first, in one batch as well", async () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const [several, single] = [product(), product()];
      const copy = (p: number, n: number): string => own("a", "paid", { n: `v${n}` }, { product: p, id: uuid(1), time: start + n });
      const more = await counted(async () => {
        for (const n of order) await write(copy(several, n));
        await opened.store.write([...order, ...order].map((n) => copy(single, n)));
      });
      expect(more).toBe(2);
      expect(await raw(single)).toBe(1);
      for (const p of [several, single]) {
        expect(await person(p, "a")).toEqual({
          identities: [{ identity: "a", anonymous: false, first: start, last: start, commands: 1 }],
          properties: { n: { value: "v0", time: start } },
          events: [{ id: uuid(1), name: "paid", time: start, identity: "a", properties: { n: "v0" } }],
          next: null,
        });
        expect(await lines(opened.store.export(p))).toEqual([{ _p: "a", _n: "paid", _t: start / 1000, n: "v0" }]);
      }
    }
  });

  it.each([
    ["the earlier copy first", [0, 1]],
    ["the later copy first", [1, 0]],
  ])("counts once under several identities of a person, before and after they are one: %s", async (_, order) => {
    const who = ["0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11", "bob"];
    const copy = (p: number, n: number): string => own(who[n] as string, "paid", {}, { product: p, id: uuid(1), time: start + n });
    // By way of a third one: only the labels know that the two are one person.
    const tie = (p: number): string[] => who.map((one) => alias(one, "hidden", { product: p }));
    const [before, after, between] = [product(), product(), product()];
    const more = await counted(async () => {
      await write(...tie(before));
      for (const n of order) await write(copy(before, n));
      for (const n of order) await write(copy(after, n));
      for (const one of who) expect((await person(after, one))?.events).toHaveLength(1);
      await write(...tie(after));
      await write(copy(between, order[0] as number), ...tie(between), copy(between, order[1] as number));
    });
    expect(more).toBe(9);
    // The later one is not even stored if its better is known.
    expect(await raw(before)).toBe(order[0] === 0 ? 3 : 4);
    for (const p of [before, after, between]) {
      const found = await person(p, who[0] as string);
      expect(found?.events.map(({ identity, time }) => [identity, time])).toEqual([[who[0], start]]);
      expect(found?.identities).toEqual([{ identity: who[0], anonymous: true, first: start, last: start, commands: 1 }]);
      expect((await lines(opened.store.export(p))).filter((line) => line._n !== undefined)).toHaveLength(1);
    }
  });

  it("is not taken from another person or product", async () => {
    const [one, two] = [product(), product()];
    await write(own("a", "paid", {}, { product: one, id: uuid(1) }));
    await write(own("b", "paid", {}, { product: one, id: uuid(1), time: start + 5 }));
    await write(own("a", "paid", {}, { product: two, id: uuid(1), time: start + 5 }));
    for (const [p, who] of [
      [one, "a"],
      [one, "b"],
      [two, "a"],
    ] as const) {
      expect((await person(p, who))?.events).toHaveLength(1);
    }
  });

  it.each([
    ["an id that is none", own("a", "x", {}, { id: "'); DROP" })],
    ["a time that is none", own("a", "x", {}, { id: uuid(1) }).replace(`"time":${start}`, '"time":"soon"')],
  ])("is refused like any other bad row: %s", async (_, line) => {
    await expect(write(own("a", "x", {}, { id: uuid(3) }), line)).rejects.toMatchObject({ code: "KM_REJECTED" });
  });
});

describe("any order, repetition and batching", () => {
  const who = ["0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11", "bob", "carl", "dora"];
  const identity = fc.constantFrom(...who);
  const time = fc.nat(3).map((n) => start + n * 500);
  type Command = { kind: "own" | "record" | "set" | "alias"; of: string; other: string; time: number; id: string };
  const command = (kind: Command["kind"], ids: [number, number]): fc.Arbitrary<Command> =>
    fc.record({ kind: fc.constant(kind), of: identity, other: identity, time, id: fc.integer({ min: ids[0], max: ids[1] }).map(uuid) });
  const commands = fc
    .tuple(
      fc.array(command("own", [1, 3]), { minLength: 2, maxLength: 7 }),
      fc.uniqueArray(command("record", [10, 19]), { selector: (one) => one.id, maxLength: 3 }),
      fc.uniqueArray(command("set", [20, 29]), { selector: (one) => one.id, maxLength: 3 }),
      fc.uniqueArray(command("alias", [30, 39]), { selector: (one) => one.id, maxLength: 3 }),
    )
    .map((kinds) => kinds.flat());

  const row = (p: number, { kind, of, other, time, id }: Command): string => {
    const given = { product: p, id, time };
    if (kind === "alias") return alias(of, other, given);
    // What a copy says follows from where it stands, so that it can be told which one was shown.
    const properties = { v: `${kind} ${of} ${time}`, [`of ${of}`]: `${time}` };
    if (kind === "set") return set(of, properties, given);
    return kind === "own" ? own(of, "paid", properties, given) : record(of, "seen", properties, given);
  };

  /** What is right, worked out from the commands alone. */
  const truth = (all: readonly Command[], hash: ReadonlyMap<string, bigint>) => {
    const sets = new Map(who.map((one) => [one, new Set([one])]));
    for (const { kind, of, other } of all) {
      if (kind !== "alias") continue;
      const joined = new Set([...(sets.get(of) as Set<string>), ...(sets.get(other) as Set<string>)]);
      for (const one of joined) sets.set(one, joined);
    }
    const before = (a: Command, b: Command): boolean =>
      a.time !== b.time ? a.time < b.time : (hash.get(a.of) as bigint) < (hash.get(b.of) as bigint);
    const winners = (list: readonly Command[]): Command[] => {
      const best = new Map<string, Command>();
      for (const one of list) {
        const known = best.get(one.id);
        if (known === undefined || before(one, known)) best.set(one.id, one);
      }
      return [...best.values()];
    };
    const people = who.map((one) => {
      const theirs = winners(all.filter(({ kind, of }) => kind !== "alias" && sets.get(one)?.has(of)));
      if (!theirs.some(({ of }) => of === one)) return undefined;
      const identities = who.flatMap((name) => {
        const times = theirs.filter(({ of }) => of === name).map((command) => command.time);
        return times.length === 0 ? [] : [`${name} ${Math.min(...times)} ${Math.max(...times)} ${times.length}`];
      });
      const events = theirs.filter(({ kind }) => kind !== "set").map(({ id, of, time }) => `${id} ${of} ${time}`);
      return { identities: identities.sort(), events: events.sort() };
    });
    return { people, commands: winners(all).length };
  };

  const read = async (p: number) => {
    const people = await Promise.all(who.map((one) => person(p, one)));
    const exported: string[] = [];
    for await (const line of opened.store.export(p)) exported.push(line);
    return {
      people,
      exported: exported.sort(),
      short: people.map(
        (found) =>
          found && {
            identities: found.identities.map((one) => `${one.identity} ${one.first} ${one.last} ${one.commands}`).sort(),
            events: found.events.map((event) => `${event.id} ${event.identity} ${event.time}`).sort(),
          },
      ),
    };
  };

  it("gives the same people, export and count, and the right ones", async () => {
    const rows = await opened.engine.query<{ i: string; h: string }>(
      "SELECT i, toString(sipHash64(i)) AS h FROM (SELECT arrayJoin({who:Array(String)}) AS i)",
      { who },
    );
    const hash = new Map(rows.map(({ i, h }) => [i, BigInt(h)]));
    const order = commands.chain((all) =>
      fc.record({
        all: fc.constant(all),
        mixed: fc.shuffledSubarray([...all.keys()], { minLength: all.length }),
        again: fc.array(fc.nat(all.length - 1), { maxLength: 4 }),
        cuts: fc.array(fc.nat(all.length), { maxLength: 4 }),
        atOnce: fc.boolean(),
      }),
    );
    await fc.assert(
      fc.asyncProperty(order, async ({ all, mixed, again, cuts, atOnce }) => {
        const [plain, other] = [product(), product()];
        const expected = truth(all, hash);
        expect(await counted(() => opened.store.write(all.map((one) => row(plain, one))))).toBe(expected.commands);
        const first = await read(plain);
        expect(first.short).toEqual(expected.people);
        expect(first.exported).toHaveLength(expected.commands);

        const sequence = [...mixed, ...again].map((index) => row(other, all[index] as Command));
        const bounds = [0, ...cuts.sort((a, b) => a - b), sequence.length];
        const batches = bounds.slice(1).map((end, n) => sequence.slice(bounds[n], end));
        const more = await counted(async () => {
          if (atOnce) await Promise.all(batches.map((batch) => opened.store.write(batch)));
          else for (const batch of batches) await opened.store.write(batch);
        });
        expect(more).toBe(expected.commands);
        expect(await read(other)).toEqual(first);
      }),
      { numRuns: 15 },
    );
  });
});
