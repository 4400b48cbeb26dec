import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { components, words } from "../src/store/components.ts";
import type { Engine } from "../src/store/engine.ts";
import { openStore } from "../src/store/store.ts";
import { alias, lines, name, type Opened, openTemporary, own, record, set, start, uuid } from "./store-fixture.ts";

let opened: Opened;
beforeAll(async () => {
  opened = await openTemporary();
});
afterAll(() => opened.end());

let last = 100;

describe("order", () => {
  it("makes no difference, nor do repetition and batching", async () => {
    const who = ["ann", "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11", "carl", "dora", "eve"] as const;
    const commands = (p: number): string[] => [
      record(who[0], "x", { v: "1" }, { product: p, id: uuid(1), time: start + 3 }),
      record(who[1], "x", { v: "2" }, { product: p, id: uuid(2), time: start + 1 }),
      set(who[2], { v: "3", w: "a" }, { product: p, id: uuid(3), time: start + 3 }),
      record(who[4], "y", {}, { product: p, id: uuid(4), time: start + 2 }),
      record(who[4], "y", {}, { product: p, id: uuid(4), time: start + 5 }),
      alias(who[0], who[1], { product: p, id: uuid(5) }),
      alias(who[2], who[1], { product: p, id: uuid(6) }),
      alias(who[3], who[2], { product: p, id: uuid(7) }),
      alias(who[3], who[4], { product: p, id: uuid(8) }),
      name("event", "X", 5, p),
      name("event", "x", 4, p),
      name("property", "V", 4, p),
    ];
    const size = commands(1).length;
    const read = async (p: number): Promise<string> => JSON.stringify(await opened.store.person(p, "ann"));
    const first = ++last;
    await opened.store.write(commands(first));
    const expected = await read(first);
    expect(JSON.parse(expected)).toMatchObject({
      identities: { length: 4 },
      events: { length: 3 },
      properties: { V: { value: 3, time: start + 3 } },
    });
    const order = fc.shuffledSubarray(
      Array.from({ length: size }, (_, n) => n),
      { minLength: size },
    );
    const extra = fc.array(fc.nat(size - 1), { maxLength: 6 });
    const cuts = fc.array(fc.boolean(), { minLength: size + 6, maxLength: size + 6 });
    await fc.assert(
      fc.asyncProperty(order, extra, cuts, async (indexes, again, cut) => {
        const p = ++last;
        const rows = commands(p);
        let batch: string[] = [];
        for (const [n, index] of [...indexes, ...again].entries()) {
          batch.push(rows[index] as string);
          if (!cut[n]) continue;
          await opened.store.write(batch);
          batch = [];
        }
        if (batch.length > 0) await opened.store.write(batch);
        expect(await read(p)).toBe(expected);
      }),
      { numRuns: 12 },
    );
    expect(await opened.store.relink()).toBe(0);
  });

  it("is the same with any graph of aliases as a plain union", async () => {
    const edges = fc.array(fc.tuple(fc.nat(11), fc.nat(11)), { minLength: 1, maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(edges, async (list) => {
        const p = ++last;
        await opened.store.write(Array.from({ length: 12 }, (_, n) => record(`i${n}`, "x", {}, { product: p })));
        const sets = Array.from({ length: 12 }, (_, n) => new Set([n]));
        for (const [a, b] of list) {
          await opened.store.write([alias(`i${a}`, `i${b}`, { product: p })]);
          const joined = new Set([...(sets[a] as Set<number>), ...(sets[b] as Set<number>)]);
          for (const n of joined) sets[n] = joined;
        }
        for (const n of [0, 5, 11]) {
          const found = await opened.store.person(p, `i${n}`);
          expect(new Set(found?.identities.map((one) => one.identity))).toEqual(new Set([...(sets[n] as Set<number>)].map((m) => `i${m}`)));
        }
      }),
      { numRuns: 8 },
    );
  });
});

describe("components", () => {
  it("finds the sets and their smallest members among 64-bit numbers", () => {
    // Numbers that share their low words, so that slots collide and the high word decides.
    const number = fc.tuple(fc.nat(3), fc.constantFrom(0n, 1n, 7n, 0xffff_ffffn)).map(([high, low]) => (BigInt(high) << 62n) | low);
    fc.assert(
      fc.property(fc.array(fc.tuple(number, number)), (edges) => {
        const flat = BigUint64Array.from(edges.flat());
        const sets = components(words(new Uint8Array(flat.buffer)));
        const truth = new Map<bigint, bigint>(edges.flat().map((n) => [n, n]));
        for (let again = 0; again <= truth.size; again++) {
          for (const [a, b] of edges) {
            const low = [truth.get(a) as bigint, truth.get(b) as bigint].sort((x, y) => (x < y ? -1 : 1))[0] as bigint;
            truth.set(a, low).set(b, low);
          }
        }
        expect(sets.size).toBe(truth.size);
        for (const [n, label] of truth) {
          const node = sets.find(Number(n & 0xffff_ffffn), Number(n >> 32n));
          expect([sets.name(node), sets.name(sets.root(node))]).toEqual([String(n), String(label)]);
        }
        expect(sets.find(12345, 6)).toBe(-1);
      }),
    );
  });
});

describe("relink", () => {
  const names = async (p: number): Promise<string[] | undefined> =>
    (await opened.store.person(p, "a"))?.identities.map((one) => one.identity).sort();

  it.each([
    ["people emptied", ["TRUNCATE TABLE km.people"], 5],
    ["members emptied", ["TRUNCATE TABLE km.members"], 5],
    ["both emptied", ["TRUNCATE TABLE km.people", "TRUNCATE TABLE km.members"], 5],
  ])("repairs: %s", async (_, statements, wrong) => {
    const p = ++last;
    for (const table of ["aliases", "people", "members"]) await opened.engine.command(`TRUNCATE TABLE km.${table}`);
    await opened.store.write(["a", "b", "c", "d", "e"].map((who) => record(who, "x", {}, { product: p })));
    await opened.store.write([alias("a", "b", { product: p }), alias("c", "b", { product: p }), alias("d", "e", { product: p })]);
    expect(await opened.store.relink()).toBe(0);
    for (const statement of statements) await opened.engine.command(statement);
    expect(await names(p)).toEqual(["a"]);
    expect(await opened.store.relink()).toBe(wrong);
    expect(await names(p)).toEqual(["a", "b", "c"]);
    expect(await opened.store.relink()).toBe(0);
  });

  it("may run while batches are written", async () => {
    const p = ++last;
    const batches = Array.from({ length: 15 }, (_, n) =>
      opened.store.write([
        record(`m${n}`, "x", {}, { product: p }),
        alias(`m${n}`, "a", { product: p }),
        record("a", "x", {}, { product: p }),
      ]),
    );
    await Promise.all([...batches, opened.store.relink(), opened.store.relink()]);
    expect(await names(p)).toHaveLength(16);
  });
});

describe("a write that is cut short between two statements", () => {
  /** The engine, which from its nth statement on does nothing any more, as after a crash. */
  const cut = (engine: Engine, after: number): { engine: Engine; statements(): number } => {
    let begun = 0;
    const step = <A extends unknown[], R>(work: (...given: A) => Promise<R>): ((...given: A) => Promise<R>) => {
      return async (...given) => {
        begun += 1;
        if (begun > after) throw new Error("gone");
        return work(...given);
      };
    };
    const broken: Engine = { ...engine, insert: step(engine.insert), query: step(engine.query) as Engine["query"] };
    return { engine: broken, statements: () => begun };
  };
  /** What is stored already holds a worse copy of one id (it came later) and a better one of the other. */
  const earlier = (p: number): string[] => [
    alias("a", "b", { product: p, id: uuid(9) }),
    own("a", "x", { v: "late" }, { product: p, id: uuid(1), time: start + 9000 }),
    own("a", "x", { v: "early" }, { product: p, id: uuid(2), time: start - 9000 }),
  ];
  const block = (p: number): string[] => [
    own("b", "x", { v: "early" }, { product: p, id: uuid(1) }),
    own("b", "x", { v: "late" }, { product: p, id: uuid(2) }),
    own("c", "x", { v: "c" }, { product: p, id: uuid(3) }),
    own("c", "x", { v: "twice" }, { product: p, id: uuid(3), time: start + 1000 }),
    record("a", "y", {}, { product: p, id: uuid(4) }),
    alias("c", "a", { product: p, id: uuid(5) }),
    name("event", "X", 5, p),
  ];

  it("is put right by the same lines again, wherever it was cut", async () => {
    const state = async (p: number, write: () => Promise<unknown>): Promise<unknown> => {
      const before = (await opened.store.counts()).commands;
      await opened.store.write(earlier(p));
      await write();
      const exported = (await lines(opened.store.export(p))).map((line) => JSON.stringify(line)).sort();
      const more = (await opened.store.counts()).commands - before;
      return { more, exported, people: await Promise.all(["a", "b", "c"].map((who) => opened.store.person(p, who))) };
    };
    const whole = ++last;
    const expected = await state(whole, () => opened.store.write(block(whole)));
    expect(expected).toMatchObject({ more: 6, people: [{ events: { length: 4 } }, { identities: { length: 3 } }, {}] });
    let broke = 0;
    for (let after = 0, done = false; !done; after++) {
      const p = ++last;
      const got = await state(p, async () => {
        const { engine, statements } = cut(opened.engine, after);
        // What fails are the statements of the write, not those of opening.
        let target: Engine = opened.engine;
        const store = await openStore(new Proxy(opened.engine, { get: (_engine, key) => target[key as keyof Engine] }));
        target = engine;
        const refused = await store.write(block(p)).then(
          () => false,
          () => true,
        );
        done = !refused;
        if (refused) broke += 1;
        else expect(statements()).toBe(after);
        await opened.store.write(block(p));
      });
      expect(got).toEqual(expected);
    }
    // The two tables and the link: hashes, labels, members, people.
    expect(broke).toBe(6);
  });
});

describe("close", () => {
  it("lets a write that has begun come to its end", async () => {
    const p = ++last;
    const write = opened.store.write([
      record("a", "x", {}, { product: p }),
      record("b", "x", {}, { product: p }),
      alias("a", "b", { product: p }),
    ]);
    await opened.reopen();
    await write;
    expect((await opened.store.person(p, "a"))?.identities).toHaveLength(2);
  });
});

describe("kill -9 in the middle of writing", () => {
  it("loses nothing that was acknowledged, and opens again", async () => {
    const p = ++last;
    const dist = (file: string): string => JSON.stringify(new URL(`../dist/store/${file}.js`, import.meta.url).href);
    const script = `
      const { openChdb } = await import(${dist("chdb")});
      const { openStore } = await import(${dist("store")});
      const store = await openStore(await openChdb(${JSON.stringify(opened.directory)}));
      const { randomUUID } = await import("node:crypto");
      for (let n = 0; ; n++) {
        const rows = Array.from({ length: 200 }, (_, k) => JSON.stringify({ type: "record", product: ${p}, time: ${start} + k, id: randomUUID(), identity: "k" + n, name: "x", properties: {}, received: ${start} }));
        rows.push(JSON.stringify({ type: "alias", product: ${p}, time: ${start}, id: randomUUID(), identity: "k" + n, alias: "k0", received: ${start} }));
        await store.write(rows);
        console.log(n);
      }`;
    const promised = new Map<string, number>();
    await opened.store.close();
    for (let round = 0; round < 2; round++) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
      const gone = new Promise((resolve) => child.once("exit", resolve));
      let acknowledged = -1;
      for await (const line of createInterface({ input: child.stdout })) {
        acknowledged = Number(line);
        promised.set(`k${acknowledged}`, (promised.get(`k${acknowledged}`) ?? 0) + 200);
        if (acknowledged >= 12 + round) child.kill("SIGKILL");
      }
      await gone;
      expect(acknowledged).toBeGreaterThanOrEqual(12);
      await opened.reopen();
      await opened.store.relink();
      const found = await opened.store.person(p, "k0", { limit: 1 });
      const counts = new Map(found?.identities.map((one) => [one.identity, one.commands]));
      for (const [who, commands] of promised) expect(counts.get(who)).toBeGreaterThanOrEqual(commands);
      await opened.store.close();
    }
    await opened.reopen();
  });
});
