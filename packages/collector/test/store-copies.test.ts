import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Person } from "../src/store/person.ts";
import { alias, hashes, lines, type Opened, openTemporary, own, record, set, start, uuid, uuid5 } from "./store-fixture.ts";

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
const counted = async (work: () => Promise<unknown>): Promise<number> => {
  const before = (await opened.store.counts()).commands;
  await work();
  return (await opened.store.counts()).commands - before;
};

describe("an id that the app gave", () => {
  it("counts once when its retry comes a day later, in another batch, in another year and after a restart", async () => {
    const p = product();
    const copy = (days: number): string => own("a", "paid", { n: `${days}` }, { product: p, id: uuid(1), time: start + days * day });
    const more = await counted(async () => {
      await write(copy(0));
      await write(copy(1));
      await opened.reopen();
      await write(copy(400), record("a", "other", {}, { product: p, id: uuid(2) }));
    });
    expect(more).toBe(2);
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
    for (const p of [before, after, between]) {
      const found = await person(p, who[0] as string);
      expect(found?.events.map(({ identity, time }) => [identity, time])).toEqual([[who[0], start]]);
      // The other one is somebody's name all the same.
      expect(found?.identities).toEqual([
        { identity: who[0], anonymous: true, first: start, last: start, commands: 1 },
        { identity: "bob", anonymous: false, first: start + 1, last: start + 1, commands: 0 },
      ]);
      expect(await person(p, "bob")).toEqual(found);
      expect((await lines(opened.store.export(p))).filter((line) => line._n !== undefined)).toHaveLength(1);
    }
  });

  it("counts for each of two people who never become one, however many have it, and for each product", async () => {
    const [p, q] = [product(), product()];
    const crowd = Array.from({ length: 3000 }, (_, n) =>
      own(`p${n}`, "signed up", {}, { product: p, id: uuid5(9), time: start + (n % 7) }),
    );
    const more = await counted(async () => {
      await opened.store.write(crowd);
      await write(alias("p1", "p2", { product: p }), alias("p2", "p3", { product: p }));
      await opened.store.write(crowd.slice(0, 10));
    });
    // Three of them are one, who has two aliases.
    expect(more).toBe(3000 - 2 + 2);
    expect(await lines(opened.store.export(p))).toHaveLength(3000);
    expect((await person(p, "p3"))?.events.map(({ identity, time }) => [identity, time])).toEqual([["p1", start + 1]]);
    expect((await person(p, "p4"))?.events.map(({ identity, time }) => [identity, time])).toEqual([["p4", start + 4]]);
    expect(await counted(() => write(own("p4", "signed up", {}, { product: q, id: uuid5(9), time: start + 9 })))).toBe(1);
    expect((await person(q, "p4"))?.events).toHaveLength(1);
  });

  it("of two at one time counts under the identity of the smaller hash, wherever it came first", async () => {
    const order = await hashes(opened.engine, ["x", "y"]);
    const winner = (order.get("x") as bigint) < (order.get("y") as bigint) ? "x" : "y";
    for (const first of ["x", "y"]) {
      const p = product();
      const at = (who: string): string => own(who, "paid", {}, { product: p, id: uuid5(2) });
      await write(alias("x", "y", { product: p }), at(first));
      await write(at(first === "x" ? "y" : "x"));
      for (const who of ["x", "y"]) expect((await person(p, who))?.events.map(({ identity }) => identity)).toEqual([winner]);
    }
  });

  it("of several contents at one place counts with the same one, whichever came first and however they were merged", async () => {
    const contents = ["v1", "v2", "v3", "v4"];
    const copy = (p: number, v: string): string => own("a", `paid ${v}`, { v, [v]: "yes" }, { product: p, id: uuid5(1) });
    const seen: unknown[] = [];
    for (const given of [contents, [...contents].reverse(), ["v3", "v1", "v4", "v2"], ["v2", "v4", "v1", "v3"]]) {
      const [single, several] = [product(), product()];
      await opened.store.write(given.map((v) => copy(single, v)));
      for (const v of given) await opened.store.write([copy(several, v)]);
      for (const round of ["before", "after"]) {
        if (round === "after") await opened.engine.command("OPTIMIZE TABLE km.commands FINAL");
        for (const p of [single, several]) seen.push({ page: await person(p, "a"), exported: await lines(opened.store.export(p)) });
      }
    }
    expect(new Set(seen.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(seen[0]).toMatchObject({ page: { identities: [{ commands: 1 }], events: [{ id: uuid5(1) }] } });
    expect(Object.keys((seen[0] as { page: Person }).page.properties)).toHaveLength(2);
  });

  it("is nobody's business of others: other ids, and a set of the same id, stay", async () => {
    const p = product();
    const more = await counted(() =>
      write(
        own("a", "paid", {}, { product: p, id: uuid5(1), time: start + 9 }),
        own("a", "paid", {}, { product: p, id: uuid5(1), time: start + 1 }),
        own("a", "paid", {}, { product: p, id: uuid5(2), time: start + 9 }),
        set("a", { v: "1" }, { product: p, id: uuid5(1), time: start + 9 }),
      ),
    );
    expect(more).toBe(3);
    const found = await person(p, "a");
    expect(found?.events.map(({ time }) => time)).toEqual([start + 9, start + 1]);
    expect(found?.identities.map(({ commands }) => commands)).toEqual([3]);
    expect(await lines(opened.store.export(p))).toHaveLength(3);
  });

  it.each([
    ["an id that is none", own("a", "x", {}, { id: "'); DROP" })],
    ["a time that is none", own("a", "x", {}, { id: uuid(1) }).replace(`"time":${start}`, '"time":"soon"')],
  ])("is refused like any other bad row: %s", async (_, line) => {
    await expect(write(own("a", "x", {}, { id: uuid(3) }), line)).rejects.toMatchObject({ code: "KM_REJECTED" });
  });
});
