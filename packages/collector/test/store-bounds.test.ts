import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportLines } from "../src/store/export.ts";
import type { Person } from "../src/store/person.ts";
import { alias, lines, name, type Opened, openTemporary, own, record, set, start, uuid, uuid5 } from "./store-fixture.ts";

let opened: Opened;
beforeAll(async () => {
  opened = await openTemporary();
});
afterAll(() => opened.end());

let last = 100;
const product = (): number => ++last;
const MB = 2 ** 20;

/** Properties of about `kb` kilobytes. */
function large(kb: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: Math.ceil(kb / 8) }, (_, n) => [`p${n}`, "x".repeat(8000)]));
}

async function write(rows: readonly string[], block: number): Promise<void> {
  for (let at = 0; at < rows.length; at += block) await opened.store.write(rows.slice(at, at + block));
}

async function pages(p: number, identity: string, limit?: number): Promise<Person[]> {
  const all: Person[] = [];
  for (let after: string | null | undefined; after !== null; after = all.at(-1)?.next ?? null) {
    const page = await opened.store.person(p, identity, { ...(limit && { limit }), ...(after && { after }) });
    all.push(page as Person);
  }
  return all;
}

describe("a page of large events", () => {
  it("holds fewer of them, and the pages together hold each once with all it says, newest first", async () => {
    const p = product();
    // From nothing to 472 KB, two of a time.
    const sizes = Array.from({ length: 60 }, (_, n) => (n % 5 === 0 ? 0 : ((n * 37) % 60) * 8));
    const rows = sizes.map((kb, n) => record("a", "x", large(kb), { product: p, id: uuid(n), time: start + Math.floor(n / 2) }));
    await write(rows, 10);
    const all = await pages(p, "a", 1000);
    const expected = [...sizes.keys()].sort((a, b) => Math.floor(b / 2) - Math.floor(a / 2) || b - a);
    const events = all.flatMap((page) => page.events);
    expect(events.map(({ id }) => id)).toEqual(expected.map(uuid));
    expect(events.map(({ properties }) => Object.keys(properties).length)).toEqual(expected.map((n) => (sizes[n] as number) / 8));
    expect(all.length).toBeGreaterThan(2);
    for (const page of all) expect(Buffer.byteLength(JSON.stringify(page.events))).toBeLessThan(4.1 * MB);
    // As many as have room: two that follow each other do not go into one.
    const bytes = all.map((page) => Buffer.byteLength(JSON.stringify(page.events)));
    for (const [n, size] of bytes.slice(1).entries()) expect(size + (bytes[n] as number)).toBeGreaterThan(3.9 * MB);
  });

  it("holds one that is larger than a page alone, also with others around it", async () => {
    const p = product();
    const rows = [3, 5000, 6000, 3].map((kb, n) => record("a", "x", large(kb), { product: p, id: uuid(n), time: start + n }));
    await write(rows, 1);
    expect((await pages(p, "a")).map((page) => page.events.length)).toEqual([1, 1, 1, 1]);
  });
});

describe("a page's properties and identities", () => {
  it("are the latest 4 MB, with a word of how many more there are", async () => {
    const p = product();
    const values = Array.from({ length: 400 }, (_, n) =>
      set("a", { [`p${n}`]: `${n} ${"v".repeat(20_000)}` }, { product: p, time: start + n }),
    );
    await write(values, 50);
    const found = await opened.store.person(p, "a");
    const shown = Object.keys(found?.properties ?? {});
    expect(Buffer.byteLength(JSON.stringify(found))).toBeLessThan(4.1 * MB);
    expect(shown.length).toBeGreaterThan(200);
    expect(new Set(shown)).toEqual(new Set(Array.from({ length: shown.length }, (_, n) => `p${399 - n}`)));
    expect(found?.omitted).toEqual({ identities: 0, properties: 400 - shown.length });
    expect(found?.properties.p399?.value).toBe(`399 ${"v".repeat(20_000)}`);
  });

  it("are the oldest 10,000 and the one that was asked for", async () => {
    const p = product();
    const many = Array.from({ length: 10_005 }, (_, n) => record(`i${n}`, "x", {}, { product: p, time: start + n }));
    await write(many, 10_000);
    await opened.store.write(many.slice(1).map((_, n) => alias("i0", `i${n + 1}`, { product: p })));
    const found = await opened.store.person(p, "i10004");
    expect(found?.identities.map(({ identity }) => identity)).toEqual([...Array.from({ length: 9999 }, (_, n) => `i${n}`), "i10004"]);
    expect(found?.omitted).toEqual({ identities: 5, properties: 0 });
    expect((await opened.store.person(p, "i3"))?.identities).toHaveLength(10_000);
  });
});

describe("the export", () => {
  it("gives somebody with very many commands, of one time and of many, together and by time, and everybody else", async () => {
    const p = product();
    const rows = Array.from({ length: 50_000 }, (_, n) =>
      // The ids run against the time, so that one order is not taken for the other.
      record("busy", "x", { n: `v${n}` }, { product: p, time: start + Math.floor(n / 30_000) * 5000, id: uuid(60_000 - n) }),
    );
    const others = Array.from({ length: 3000 }, (_, n) => set(`i${n}`, { n: `w${n}` }, { product: p }));
    await write([...others.slice(0, 1500), ...rows.reverse(), ...others.slice(1500)], 9000);
    const all = await lines(opened.store.export(p));
    expect([all.length, new Set(all.map(({ n }) => n)).size]).toEqual([53_000, 53_000]);
    const at = all.findIndex(({ _p }) => _p === "busy");
    const together = all.slice(at, at + 50_000);
    expect(together.every(({ _p }) => _p === "busy")).toBe(true);
    expect(together.map(({ _t }) => _t)).toEqual(together.map(({ _t }) => Number(_t)).sort((a, b) => a - b));
  });

  it("holds few commands at a time where they are large, and goes on while others write and ask", async () => {
    const p = product();
    const rows = Array.from({ length: 400 }, (_, n) =>
      record(n % 2 ? "a" : `i${n}`, "x", { ...large(400), n: `v${n}` }, { product: p, time: start + n }),
    );
    // Something is held of every part, and forty are many.
    await opened.engine.command("SYSTEM STOP MERGES km.commands");
    await write(rows, 10);
    const whole = rows.reduce((sum, row) => sum + row.length, 0);
    rows.length = 0;
    const before = process.memoryUsage.rss();
    const seen = new Set<unknown>();
    let most = 0;
    for await (const line of opened.store.export(p)) {
      if (seen.size === 5) {
        await opened.store.write([record("new", "x", { n: "since" }, { product: p })]);
        expect((await opened.store.person(p, "new"))?.events).toHaveLength(1);
      }
      seen.add((JSON.parse(line) as { n: string }).n);
      most = Math.max(most, process.memoryUsage.rss() - before);
    }
    // What came after the first line is not in it.
    expect(seen.size).toBe(400);
    expect(whole).toBeGreaterThan(150e6);
    // 615 MB as it is, 1,017 with blocks of 2,000 rows.
    expect(most).toBeLessThan(800e6);
    await opened.engine.command("SYSTEM START MERGES km.commands");
  });

  it("gives what is of one time by the text of the ids, as the last value is chosen", async () => {
    const p = product();
    // UUIDs as ClickHouse orders them begin with their second half.
    const id = (n: number): string => `${n}0000000-0000-7000-8000-00000000000${9 - n}`;
    await write(
      [3, 1, 5, 2, 4].map((n) => set("a", { v: `${n}` }, { product: p, id: id(n) })),
      2,
    );
    expect((await lines(opened.store.export(p))).map(({ v }) => v)).toEqual([1, 2, 3, 4, 5]);
    expect((await opened.store.person(p, "a"))?.properties.v?.value).toBe(5);
  });

  it("asks for nothing in its stream that the process would have to stand still for", async () => {
    const streamed: string[] = [];
    const stream: typeof opened.engine.stream = (sql, params) => {
      streamed.push(sql);
      return opened.engine.stream(sql, params);
    };
    await lines(exportLines({ ...opened.engine, stream }, product()));
    expect(streamed).toHaveLength(1);
    expect(streamed[0]?.match(/SELECT/g)).toHaveLength(1);
  });

  it("lets go when its reader stops, and the next one begins anew", async () => {
    const p = product();
    await write(
      Array.from({ length: 9000 }, (_, n) => set(`i${n}`, { n: `${n}` }, { product: p })),
      9000,
    );
    for (let round = 0; round < 5; round++) {
      const source = opened.store.export(p)[Symbol.asyncIterator]();
      expect((await source.next()).done).toBe(false);
      await source.return?.();
    }
    expect(await lines(opened.store.export(p))).toHaveLength(9000);
  });

  it("read in again gives the same people, whatever came twice", async () => {
    const [p, q] = [product(), product()];
    await opened.store.write([
      name("event", "Paid", start, p),
      name("property", "Plan", start, p),
      own("a", "paid", { v: "1" }, { product: p, id: uuid5(1), time: start + 9000 }),
      own("a", "paid", { v: "2" }, { product: p, id: uuid5(1), time: start + 1000 }),
      own("a", "paid", { v: "3" }, { product: p, id: uuid5(1), time: start + 1000 }),
      own("b", "paid", { v: "4" }, { product: p, id: uuid5(1), time: start + 2000 }),
      record("b", "seen", { v: "5", _n: "y" }, { product: p, time: start + 2000 }),
      set("a", { plan: "Pro" }, { product: p, time: start + 5000 }),
      set("c", { plan: "Team" }, { product: p, time: start + 3000 }),
      record("d", "seen", { zip: "007", big: "9007199254740993" }, { product: p, time: start + 3000 }),
      alias("a", "b", { product: p, time: start }),
      alias("c", "b", { product: p, time: start }),
    ]);
    let n = 0;
    const again = (await lines(opened.store.export(p))).flatMap(({ _p, _n, _t, _p2, ...properties }) => {
      const given = { product: q, time: Number(_t) * 1000, id: uuid(++n) };
      if (_p2 !== undefined) return [alias(String(_p), String(_p2), given)];
      const spelt = [...Object.keys(properties).map((one) => name("property", one, given.time, q))];
      const texts = Object.fromEntries(Object.entries(properties).map(([key, value]) => [key.toLowerCase(), String(value)]));
      if (_n === undefined) return [...spelt, set(String(_p), texts, given)];
      return [...spelt, name("event", String(_n), given.time, q), record(String(_p), String(_n).toLowerCase(), texts, given)];
    });
    await opened.store.write(again.reverse());
    const bare = async (of: number): Promise<unknown[]> =>
      Promise.all(
        ["a", "b", "c", "d"].map(async (one) => {
          const found = await opened.store.person(of, one);
          const events = found?.events.map(({ id: _id, properties: { _n, ...properties }, ...event }) =>
            JSON.stringify([event, Object.entries(properties).sort()]),
          );
          const { _n, ...properties } = found?.properties ?? {};
          return { identities: found?.identities, properties, events: events?.sort() };
        }),
      );
    expect(await bare(q)).toEqual(await bare(p));
    expect(await lines(opened.store.export(q))).toHaveLength(n);
    expect(n).toBe(7);
  });
});
