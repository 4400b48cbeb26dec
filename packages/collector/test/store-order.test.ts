import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Person } from "../src/store/person.ts";
import { alias, hashes, lines, type Opened, openTemporary, own, record, set, start, uuid, uuid5 } from "./store-fixture.ts";

// The whole of what the store promises about order, on commands that collide as often as possible: few identities, ids, times and contents.

let opened: Opened;
let order: Map<string, bigint>;
beforeAll(async () => {
  opened = await openTemporary();
  order = await hashes(opened.engine, people);
});
afterAll(() => opened.end());

const people = ["ann", "bob", "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11", "dora"];

interface Made {
  readonly type: "own" | "record" | "set" | "alias";
  readonly identity: string;
  readonly time: number;
  readonly id: string;
  readonly name: string;
  readonly value: string;
  readonly other: string;
}

const made: fc.Arbitrary<Made> = fc
  .record({
    type: fc.constantFrom<Made["type"][]>("own", "own", "own", "record", "set", "alias"),
    identity: fc.constantFrom(...people),
    // One of them in another year, so in another partition.
    time: fc.constantFrom(start, start + 1, start - 400 * 86_400_000),
    name: fc.constantFrom("x", "y"),
    value: fc.constantFrom("1", "2", "3"),
    other: fc.constantFrom(...people),
    n: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ n, ...rest }) => ({ ...rest, id: rest.type === "own" ? uuid5(n) : uuid(n) }));

function line(command: Made, product: number): string {
  const { type, identity, time, id, name, value, other } = command;
  const given = { product, time, id, received: start + Math.floor(Math.random() * 1e6) };
  if (type === "alias") return alias(identity, other, given);
  if (type === "set") return set(identity, { v: value, [name]: "s" }, given);
  return (type === "own" ? own : record)(identity, name, { v: value }, given);
}

type Shown = { identities: Set<string>; events: Set<string> } | undefined;

/** What is right, worked out from the commands alone. */
function model(commands: readonly Made[]): { people: Shown[]; lines: number; count: number } {
  const persons = new Map(people.map((one) => [one, one]));
  const acts = commands.filter(({ type }) => type !== "alias");
  const aliases = commands.filter(({ type }) => type === "alias");
  for (const { identity, other } of aliases) {
    const [from, to] = [persons.get(identity), persons.get(other) as string];
    for (const [one, of] of persons) if (of === from) persons.set(one, to);
  }
  const hash = (one: Made): bigint => order.get(one.identity) as bigint;
  const before = (a: Made, b: Made): boolean => a.time < b.time || (a.time === b.time && hash(a) < hash(b));
  const place = (one: Made): string => [one.type, one.id, one.identity, one.time].join(" ");
  /** The first of all that have one id and are one person's. */
  const counts = (one: Made): boolean =>
    !acts.some(
      (it) => it.type === one.type && it.id === one.id && persons.get(it.identity) === persons.get(one.identity) && before(it, one),
    );
  const shown = people.map((one): Shown => {
    const theirs = acts.filter(({ identity }) => persons.get(identity) === persons.get(one));
    if (!theirs.some(({ identity }) => identity === one)) return undefined;
    const identities = new Set<string>();
    for (const identity of people) {
      const all = theirs.filter((it) => it.identity === identity);
      if (all.length === 0) continue;
      const real = new Set(all.filter(counts).map(place));
      const times = (real.size > 0 ? all.filter(counts) : all).map((it) => it.time);
      identities.add(`${identity} ${Math.min(...times)} ${Math.max(...times)} ${real.size}`);
    }
    const events = theirs.filter((it) => it.type !== "set" && counts(it)).map((it) => `${it.id} ${it.identity} ${it.time}`);
    return { identities, events: new Set(events) };
  });
  const edges = new Set(aliases.map((one) => `${place(one)} ${one.other}`)).size;
  const winners = new Set(acts.filter(counts).map(place)).size;
  // An ordinary id never has two times; where somebody sends it so all the same, each is counted.
  const counted = new Set(acts.filter((one) => one.type !== "own" || counts(one)).map(place)).size;
  return { people: shown, lines: winners + edges, count: counted + edges };
}

const bare = (person: Person | undefined): Shown =>
  person && {
    identities: new Set(person.identities.map((one) => `${one.identity} ${one.first} ${one.last} ${one.commands}`)),
    events: new Set(person.events.map((one) => `${one.id} ${one.identity} ${one.time}`)),
  };

/** All that can be learnt of a product. */
async function everything(p: number): Promise<{ pages: (Person | undefined)[]; exported: string[] }> {
  const pages = await Promise.all(people.map((one) => opened.store.person(p, one)));
  const exported = (await lines(opened.store.export(p))).map((row) => JSON.stringify(Object.entries(row).sort())).sort();
  return { pages, exported };
}

let last = 100;

describe("any order, repetition and batching of any commands", () => {
  it("gives the same people, events, properties, export and count, and the right ones, before merges and after them", async () => {
    const plan = fc.array(made, { minLength: 1, maxLength: 16 }).chain((commands) =>
      fc.record({
        commands: fc.constant(commands),
        indexes: fc.shuffledSubarray([...commands.keys()], { minLength: commands.length }),
        again: fc.array(fc.nat(commands.length - 1), { maxLength: 6 }),
        cuts: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 25, maxLength: 25 }),
        together: fc.boolean(),
        merge: fc.nat(25),
      }),
    );
    await fc.assert(
      fc.asyncProperty(plan, async ({ commands, indexes, again, cuts, together, merge }) => {
        const right = model(commands);
        const before = (await opened.store.counts()).commands;
        const p = ++last;
        await opened.store.write(commands.map((command) => line(command, p)));
        const expected = await everything(p);
        expect(expected.pages.map(bare)).toEqual(right.people);
        expect(expected.exported).toHaveLength(right.lines);
        const counted = (await opened.store.counts()).commands;
        expect(counted - before).toBe(right.count);

        const q = ++last;
        const sequence = [...indexes, ...again].map((index) => line(commands[index] as Made, q));
        const writes: Promise<void>[] = [];
        for (let at = 0, batch = 0; at < sequence.length; batch++) {
          const size = cuts[batch] as number;
          const write = opened.store.write(sequence.slice(at, at + size));
          if (together) writes.push(write);
          else await write;
          if (at <= merge && merge < at + size) await opened.engine.command("OPTIMIZE TABLE km.commands FINAL");
          at += size;
        }
        await Promise.all(writes);
        expect(await everything(q)).toEqual(expected);
        expect((await opened.store.counts()).commands - counted).toBe(right.count);
        await opened.engine.command("OPTIMIZE TABLE km.commands FINAL");
        expect(await everything(q)).toEqual(expected);
        expect((await opened.store.counts()).commands - counted).toBe(right.count);
      }),
      // Shrinking would take longer than the test may, and then nobody sees the example.
      { numRuns: 15, endOnFailure: true },
    );
    expect(await opened.store.relink()).toBe(0);
  }, 120_000);
});
