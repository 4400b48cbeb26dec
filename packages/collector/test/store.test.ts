import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { alias, lines, name, type Opened, openTemporary, record, set, start, uuid } from "./store-fixture.ts";

let opened: Opened;
beforeAll(async () => {
  opened = await openTemporary();
});
afterAll(() => opened.end());

let last = 100;
/** A product of its own a test: products share nothing. */
const product = (): number => ++last;
const write = (...rows: string[]): Promise<void> => opened.store.write(rows);
const person = (of: number, identity: string, page?: { limit?: number; after?: string }) => opened.store.person(of, identity, page);
const names = async (of: number, identity: string): Promise<string[] | undefined> =>
  (await person(of, identity))?.identities.map((one) => one.identity).sort();

describe("people", () => {
  it("shows what was recorded and set, typed by the value", async () => {
    const p = product();
    const anonymous = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11";
    await write(
      record("bob", "signed up", { plan: "Pro", seats: "5", price: "-19.5" }, { product: p, id: uuid(1), time: start + 7 }),
      set("bob", { paid: "true", zip: "01234", big: "9007199254740993", plan: "Team" }, { product: p, time: start + 9 }),
      record(anonymous, "visited", {}, { product: p, id: uuid(2), time: start }),
      alias(anonymous, "bob", { product: p }),
    );
    const expected = {
      identities: [
        { identity: anonymous, anonymous: true, first: start, last: start, commands: 1 },
        { identity: "bob", anonymous: false, first: start + 7, last: start + 9, commands: 2 },
      ],
      properties: {
        big: { value: "9007199254740993", time: start + 9 },
        paid: { value: true, time: start + 9 },
        plan: { value: "Team", time: start + 9 },
        price: { value: -19.5, time: start + 7 },
        seats: { value: 5, time: start + 7 },
        zip: { value: "01234", time: start + 9 },
      },
      events: [
        { id: uuid(1), name: "signed up", time: start + 7, identity: "bob", properties: { plan: "Pro", price: -19.5, seats: 5 } },
        { id: uuid(2), name: "visited", time: start, identity: anonymous, properties: {} },
      ],
      next: null,
    };
    expect(await person(p, "bob")).toEqual(expected);
    expect(await person(p, anonymous)).toEqual(expected);
  });

  it("knows nobody who is known from an alias only", async () => {
    const p = product();
    await write(alias("a", "b", { product: p }), record("b", "x", {}, { product: p }));
    expect(await person(p, "a")).toBeUndefined();
    expect(await person(p, "nobody")).toBeUndefined();
    expect(await person(p, "B")).toBeUndefined();
    expect(await names(p, "b")).toEqual(["b"]);
    await write(set("a", { late: "1" }, { product: p }));
    expect(await names(p, "b")).toEqual(["a", "b"]);
  });

  it.each([
    ["one way", [["a", "b"]], ["a", "b"]],
    ["the other way", [["b", "a"]], ["a", "b"]],
    [
      "twice",
      [
        ["a", "b"],
        ["b", "a"],
        ["a", "b"],
      ],
      ["a", "b"],
    ],
    [
      "in a chain",
      [
        ["a", "b"],
        ["b", "c"],
        ["c", "d"],
      ],
      ["a", "b", "c", "d"],
    ],
    [
      "in a ring",
      [
        ["a", "b"],
        ["b", "c"],
        ["c", "a"],
      ],
      ["a", "b", "c"],
    ],
    [
      "by way of one that is not listed",
      [
        ["a", "hidden"],
        ["hidden", "b"],
      ],
      ["a", "b"],
    ],
    ["to itself", [["a", "a"]], ["a"]],
    [
      "two pairs, then together",
      [
        ["a", "b"],
        ["c", "d"],
        ["d", "a"],
      ],
      ["a", "b", "c", "d"],
    ],
  ])("ties identities %s, before the data and after it, in one batch and in several", async (_, edges, expected) => {
    const data = (p: number): string[] => ["a", "b", "c", "d"].map((who) => record(who, "x", {}, { product: p }));
    const aliases = (p: number): string[] => edges.map(([one, other]) => alias(one as string, other as string, { product: p }));
    const [before, after, single] = [product(), product(), product()];
    await write(...aliases(before));
    await write(...data(before));
    await write(...data(after));
    for (const row of aliases(after)) await write(row);
    for (const row of [...data(single), ...aliases(single)].reverse()) await write(row);
    for (const p of [before, after, single]) for (const who of expected) expect(await names(p, who)).toEqual(expected);
  });

  it("merges two big sets by one alias, also when batches come at the same moment", async () => {
    const p = product();
    const set = (from: number): string[] =>
      Array.from({ length: 1500 }, (_, n) => [
        alias(`i${from + n}`, `i${from + n + 1}`, { product: p }),
        record(`i${from + n}`, "x", {}, { product: p }),
      ]).flat();
    await Promise.all([opened.store.write(set(0)), opened.store.write(set(10_000))]);
    expect(await names(p, "i0")).toHaveLength(1500);
    await write(alias("i700", "i10700", { product: p }));
    for (const who of ["i0", "i1499", "i11499"]) expect(await names(p, who)).toHaveLength(3000);
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        write(alias(`late${n}`, `late${n + 1}`, { product: p }), record(`late${n}`, "x", {}, { product: p })),
      ),
    );
    expect(await names(p, "late7")).toHaveLength(20);
  });

  it("keeps products apart", async () => {
    const [one, two] = [product(), product()];
    await write(
      record("a", "x", {}, { product: one }),
      record("b", "x", {}, { product: one }),
      record("a", "y", {}, { product: two }),
      record("b", "y", {}, { product: two }),
    );
    await write(alias("a", "b", { product: one }), name("event", "X", 1, one));
    expect(await names(one, "a")).toEqual(["a", "b"]);
    expect(await names(two, "a")).toEqual(["a"]);
    expect((await person(two, "a"))?.events.map((event) => event.name)).toEqual(["y"]);
    expect(await person(product(), "a")).toBeUndefined();
    expect(await lines(opened.store.export(two))).toHaveLength(2);
  });

  it("counts a batch once that is written twice, and a command that came with two times at the earlier one", async () => {
    const p = product();
    const before = (await opened.store.counts()).commands;
    const rows = [
      record("a", "x", { v: "1" }, { product: p }),
      set("a", { w: "2" }, { product: p }),
      alias("a", "b", { product: p }),
      record("b", "y", {}, { product: p }),
    ];
    await opened.store.write(rows);
    await opened.store.write([...rows, ...rows]);
    expect((await opened.store.counts()).commands - before).toBe(4);
    await write(
      record("a", "z", { v: "late" }, { product: p, id: uuid(77), time: start + 500 }),
      set("a", { v: "between" }, { product: p, time: start + 200 }),
      record("a", "z", { v: "early" }, { product: p, id: uuid(77), time: start + 100 }),
    );
    const found = await person(p, "a");
    expect(found?.identities.map((one) => one.commands)).toEqual([4, 1]);
    expect(found?.identities[0]).toMatchObject({ identity: "a", first: start, last: start + 200 });
    expect(found?.events.map((event) => [event.name, event.time])).toEqual(
      [
        ["z", start + 100],
        ["y", start],
        ["x", start],
      ].sort((a, b) => Number(b[1]) - Number(a[1])),
    );
    expect(found?.properties.v).toEqual({ value: "between", time: start + 200 });
    expect(await lines(opened.store.export(p))).toHaveLength(6);
  });

  it("takes the last value by time, of two at one time that of the greater id", async () => {
    const p = product();
    await write(
      set("a", { v: "second" }, { product: p, id: uuid(2) }),
      set("a", { v: "first" }, { product: p, id: uuid(1) }),
      set("a", { v: "old" }, { product: p, id: uuid(3), time: start - 1 }),
    );
    expect((await person(p, "a"))?.properties.v?.value).toBe("second");
  });

  it("pages through 450 events of one time and of many, newest first", async () => {
    const p = product();
    const ids = Array.from({ length: 450 }, (_, n) => ({ id: uuid((n * 7919) % 450), time: start + Math.floor(n / 9) }));
    const rows = ids.map(({ id, time }) => record("a", "x", { n: "1" }, { product: p, id, time }));
    await opened.store.write([...rows, set("a", { s: "1" }, { product: p })]);
    await opened.store.write(rows.slice(100, 200));
    const expected = [...ids].sort((a, b) => b.time - a.time || (a.id < b.id ? 1 : -1)).map(({ id }) => id);
    for (const limit of [undefined, 7, 449, 450, 1000, 5000]) {
      const got: string[] = [];
      let after: string | null | undefined;
      let pages = 0;
      while (after !== null) {
        const page = await person(p, "a", { ...(limit && { limit }), ...(after && { after }) });
        got.push(...(page?.events ?? []).map((event) => event.id));
        after = page?.next ?? null;
        pages += 1;
      }
      expect(got).toEqual(expected);
      expect(pages).toBe(Math.ceil(450 / Math.min(limit ?? 200, 1000)));
    }
  });

  it.each(["", "x", "MTIz", Buffer.from(`5.${uuid(1)}'`).toString("base64url"), `${Buffer.from(`5.${uuid(1)}`).toString("base64url")}!`])(
    "refuses %j as a cursor",
    async (after) => {
      await expect(person(1, "a", { after })).rejects.toMatchObject({ code: "KM_CURSOR_INVALID" });
    },
  );

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses %s as a limit", async (limit) => {
    await expect(person(1, "a", { limit })).rejects.toMatchObject({ code: "KM_CURSOR_INVALID" });
  });
});

describe("names", () => {
  it("shows a name as it was first written, whatever came first, and canonical if nobody wrote it", async () => {
    const [p, other] = [product(), product()];
    await write(name("event", "SIGNED UP", 300, p), record("a", "signed up", { plan: "Pro", other: "1" }, { product: p }));
    await write(
      name("event", "Signed Up", 100, p),
      name("property", "PLAN", 50, p),
      name("property", "Plan", 50, p),
      name("event", "Plan!", 1, p),
    );
    await write(name("event", "signed up", 200, p), name("event", "Signed up", 1, other), name("event", "Signed Up", 100, p));
    const found = await person(p, "a");
    expect(found?.events[0]).toMatchObject({ name: "Signed Up", properties: { PLAN: "Pro", other: 1 } });
    expect(Object.keys(found?.properties ?? {}).sort()).toEqual(["PLAN", "other"]);
    expect((await opened.store.names()).filter((row) => row.product === p)).toEqual([
      { product: p, kind: "event", name: "plan!", display: "Plan!", first: 1 },
      { product: p, kind: "event", name: "signed up", display: "Signed Up", first: 100 },
      { product: p, kind: "property", name: "plan", display: "PLAN", first: 50 },
    ]);
  });
});

describe("hostile text", () => {
  const texts = [
    "'",
    "\\",
    "a\0b",
    "a\nb\tc",
    "🙂 ünï",
    "'); DROP TABLE km.commands --",
    '"}{"',
    "{p:UInt32}",
    "%_",
    "\u2028",
    "ﬃ",
    "  ",
    "__proto__",
    "constructor",
  ];

  it("comes back as it was: identities, names, properties and values", async () => {
    const p = product();
    for (const [n, text] of texts.entries())
      await write(record(text, text, { [text]: text }, { product: p, id: uuid(n) }), alias(text, `other of ${text}`, { product: p }));
    for (const [n, text] of texts.entries()) {
      const found = await person(p, text);
      expect(found?.events).toHaveLength(1);
      expect(found?.events[0]).toMatchObject({ id: uuid(n), name: text, identity: text });
      const shown = JSON.stringify({ [text]: text }).replace(/^\{"__proto__".*/, '{"__proto__":"__proto__"}');
      expect(JSON.stringify(found?.events[0]?.properties)).toBe(shown);
      expect(Object.keys(found?.properties ?? {})).toEqual([text]);
    }
    expect(new Set((await lines(opened.store.export(p))).map((line) => line._p))).toEqual(new Set(texts));
  });

  it("keeps __proto__ a property like any other", async () => {
    const p = product();
    await write(
      JSON.stringify({ type: "set", product: p, time: start, id: uuid(5), identity: "a", properties: 0, received: start }).replace(
        '"properties":0',
        '"properties":{"__proto__":"5","constructor":"x"}',
      ),
    );
    expect(JSON.stringify((await person(p, "a"))?.properties)).toBe(
      `{"__proto__":{"value":5,"time":${start}},"constructor":{"value":"x","time":${start}}}`,
    );
    const exported: string[] = [];
    for await (const line of opened.store.export(p)) exported.push(line);
    expect(exported).toEqual([`{"_p":"a","_t":${start / 1000},"__proto__":5,"constructor":"x"}`]);
  });
});

describe("export", () => {
  it("gives every command once, all of an identity together, by time, in KISSmetrics' form", async () => {
    const p = product();
    await write(name("event", "Signed Up", start, p), name("property", "Plan", start, p));
    const rows = [
      alias("a", "b", { product: p, time: start + 2999 }),
      record("a", "signed up", { plan: "Pro", seats: "5", ok: "true", _t: "1", _p: "x", _n: "y" }, { product: p, time: start }),
      set("b", { plan: "Solo" }, { product: p, time: start - 1000 }),
      set("a", { plan: "Team", _n: "not an event" }, { product: p, time: start - 5000 }),
      set("b", { plan: "Duo" }, { product: p, time: start - 9000 }),
    ];
    await opened.store.write(rows);
    await opened.store.write([...rows].reverse());
    const exported: string[] = [];
    for await (const line of opened.store.export(p)) exported.push(line);
    const second = start / 1000;
    const of = (who: string): unknown[] => exported.map((line) => JSON.parse(line)).filter((line) => line._p === who);
    expect(of("a")).toEqual([
      { _p: "a", _t: second - 5, Plan: "Team" },
      { _p: "a", _n: "Signed Up", _t: second, Plan: "Pro", seats: 5, ok: true },
      { _p: "a", _t: second + 2, _p2: "b" },
    ]);
    expect(of("b")).toEqual([
      { _p: "b", _t: second - 9, Plan: "Duo" },
      { _p: "b", _t: second - 1, Plan: "Solo" },
    ]);
    expect(exported).toHaveLength(5);
    expect([3, 2]).toContain(exported.findIndex((line) => !line.startsWith(exported[0]?.slice(0, 9) as string)));
    expect(exported.find((line) => line.includes("Signed"))).toMatch(/^\{"_p":"a","_n":"Signed Up","_t":/);
  });

  it("gives nothing of a product that has nothing", async () => {
    expect(await lines(opened.store.export(product()))).toEqual([]);
  });
});
