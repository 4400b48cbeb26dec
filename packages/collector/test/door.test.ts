import { setImmediate as immediate } from "node:timers/promises";
import { createOutbox, type Entry, KmError, memoryStorage, mintAnonymous, type Outbox, type OutboxLimits } from "@kmkit/core";
import { beforeEach, describe, expect, it } from "vitest";
import { createDoor, type Door } from "../src/door.ts";
import type { Writer } from "../src/keys.ts";
import { NameRegister } from "../src/register.ts";
import type { Name } from "../src/store/names.ts";
import { alias, ndjson, permutations, record, set } from "./collector-fixture.ts";

type Row = Record<string, unknown> & { type: string };

let rows: Row[];
let outbox: Outbox;
let door: Door;

const limits = (maxBytes: number): OutboxLimits => ({
  maxBytes,
  batchCommands: 10_000,
  batchBytes: 4 << 20,
  gather: 0,
  whole: true,
  linger: 10,
  timeout: 1000,
});

/** A door in front of a real outbox in memory, whose transport keeps the rows that would go to the store. */
function open(names: readonly Name[] = [], maxBytes = 1 << 30): void {
  const taken: Row[] = [];
  rows = taken;
  outbox = createOutbox(
    memoryStorage(),
    async (batch) => {
      taken.push(...batch.lines.map((line) => JSON.parse(line) as Row));
      return { type: "accepted" };
    },
    limits(maxBytes),
    () => {},
  );
  door = createDoor(outbox, new NameRegister(names));
}

async function admit(...lines: string[]) {
  const answer = await door.admit(writer, Buffer.from(ndjson(...lines)));
  await outbox.flush();
  return answer;
}

const namesAmong = (all: readonly Row[]) =>
  all.filter((row) => row.type === "name").map((row) => [row.kind, row.name, row.display, row.first]);
const writer: Writer = { product: 1, name: "shop", kind: "server", trust: false };
const start = Date.now() - 100_000;

beforeEach(() => open());

describe("the door", () => {
  it("makes rows of the store: canonical names, values as text, the product and the time of receipt", async () => {
    const id = "0199F0C0-8C1E-7A3B-9D53-5B1F6F1F0A11";
    const before = Date.now();
    const answer = await admit(
      record("bob", "Signed: Up", { Plan: "Pro", Seats: 5, Big: 1e21, Trial: true, Zero: -0 }, { id, time: start }),
      set("bob", { "Plan,": "Team" }, { id, time: start + 1 }),
      alias("a", "bob", { id, time: start + 2 }),
    );
    expect(answer).toEqual({ accepted: 3, rejected: [] });
    const received = expect.toSatisfy((value: number) => value >= before && value <= Date.now());
    const head = { product: 1, id: id.toLowerCase(), received };
    expect(rows.filter((row) => row.type !== "name")).toEqual([
      {
        ...head,
        type: "record",
        time: start,
        identity: "bob",
        name: "signed  up",
        properties: { plan: "Pro", seats: "5", big: "1e+21", trial: "true", zero: "0" },
      },
      { ...head, type: "set", time: start + 1, identity: "bob", name: "", properties: { plan: "Team" } },
      { ...head, type: "alias", time: start + 2, identity: "a", alias: "bob" },
    ]);
  });

  it("keeps what nobody can forge: product, time of receipt and canonical name are its own", async () => {
    await admit(record("x", "X", {}, { product: 7, received: 1, who: 5, name: "X", canonical: "y" }));
    expect(rows.filter((row) => row.type === "record")).toEqual([
      expect.objectContaining({ product: 1, name: "x", received: expect.toSatisfy((value: number) => value > start) }),
    ]);
    expect(Object.keys(rows.at(-1) ?? {}).sort()).toEqual(["id", "identity", "name", "product", "properties", "received", "time", "type"]);
  });

  it("of two properties that are one by their canonical names keeps the last", async () => {
    await admit(record("x", "x", { Plan: 1, PLAN: 2, "plan:": 3 }));
    expect(rows.find((row) => row.type === "record")?.properties).toEqual({ plan: "3" });
  });

  it("refuses one command that comes alone with its code, and counts it", async () => {
    expect(await door.admitOne(writer, JSON.parse(record("", "x")))).toMatchObject({ code: "KM_IDENTITY_EMPTY" });
    expect(await door.admitOne(writer, { type: "record" })).toMatchObject({ code: "KM_ID_INVALID" });
    expect(await door.admitOne(writer, null)).toMatchObject({ code: "KM_LINE_INVALID" });
    expect(await door.admitOne(writer, JSON.parse(record("x", "x")))).toBeUndefined();
    door.refuse("KM_KEY_REFUSED", 3);
    expect(door.rejected).toEqual({ KM_IDENTITY_EMPTY: 1, KM_ID_INVALID: 1, KM_LINE_INVALID: 1, KM_KEY_REFUSED: 3 });
  });

  it("says so when the outbox is full: nothing of the body is accepted, and what was refused for itself is not counted yet", async () => {
    open([], 2000);
    const body = ndjson(record("x", "x", { v: "y".repeat(3000) }), record("x", ""));
    const answer = await door.admit(writer, Buffer.from(body));
    expect(answer).toMatchObject({ accepted: 0, error: expect.any(KmError) });
    expect(answer.error?.code).toBe("KM_OUTBOX_FULL");
    expect(door.rejected).toEqual({});
    expect(await admit(record("x", "small"))).toEqual({ accepted: 1, rejected: [] });
    // The name of what was refused is not remembered as known.
    open([], 600);
    await door.admit(writer, Buffer.from(record("x", "Big Name", { v: "y".repeat(3000) })));
    await admit(record("x", "big name", {}, { time: start }));
    expect(namesAmong(rows)).toEqual([["event", "big name", "big name", start]]);
  });

  it("is done when the outbox has it: an answer without waiting lines", async () => {
    await door.admit(writer, Buffer.from(record("x", "x")));
    expect(outbox.stats().kept).toBeGreaterThan(0);
    await outbox.flush();
    expect(outbox.stats().kept).toBe(0);
  });
});

describe("a large body", () => {
  const bad = Buffer.from([0xff, 0x0a]);
  const lines = Array.from({ length: 20_000 }, (_, n) => record("x", `Step ${n % 5}`, { n, page: "ü".repeat(n % 40) }));

  it("is worked in slices: others get their turn, and every line keeps its place", async () => {
    const chunks = lines.flatMap((line, n) => (n % 4000 === 3999 ? [Buffer.from(`${line}\n`), bad] : [Buffer.from(`${line}\n`)]));
    let turns = 0;
    let done = false;
    const turn = () => {
      turns += 1;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    const answer = await door.admit(writer, Buffer.concat(chunks));
    done = true;
    expect(answer.accepted).toBe(20_000);
    expect(answer.rejected.map(({ index }) => index)).toEqual([4000, 8001, 12_002, 16_003, 20_004]);
    expect(turns).toBeGreaterThan(10);
    await outbox.flush();
    const ids = new Set(rows.filter((row) => row.type === "record").map((row) => row.id));
    expect(ids.size).toBe(20_000);
    expect(namesAmong(rows).filter(([, name]) => name === "page")).toHaveLength(1);
  });

  it("may have lines that are longer than a slice, and one that is longer than a command may be spoils no other", async () => {
    const long = set("x", Object.fromEntries(Array.from({ length: 45 }, (_, n) => [`p${n}`, "y".repeat(8192)])));
    const answer = await admit(record("x", "a"), long, "z".repeat(3 << 20), long, record("x", "b"));
    expect(answer).toMatchObject({ accepted: 4, rejected: [{ index: 2, code: "KM_COMMAND_TOO_LARGE" }] });
  });

  it("may begin with a byte order mark; a later line may not", async () => {
    const mark = "\ufeff";
    const many = lines.slice(0, 3000).map((line) => mark + line);
    const answer = await door.admit(writer, Buffer.from(many.join("\n")));
    expect([answer.accepted, answer.rejected.length, answer.rejected[0]?.index]).toEqual([1, 2999, 1]);
  });
});

describe("single commands that come together", () => {
  it("go to the disk together, and each is answered when it is there", async () => {
    const storage = memoryStorage();
    const sizes: number[] = [];
    let release: () => void = () => {};
    const put = (entry: Entry) => {
      sizes.push(entry.count);
      return new Promise<void>((resolve) => {
        release = () => void storage.put(entry).then(resolve);
      });
    };
    const held = createOutbox(
      { ...storage, put },
      async () => ({ type: "accepted" }),
      limits(1 << 30),
      () => {},
    );
    door = createDoor(held, new NameRegister([{ product: 1, kind: "event", name: "x", display: "X", first: 0 }]));
    let answered = 0;
    const call = () => door.admitOne(writer, JSON.parse(record("bob", "x"))).then(() => ++answered);
    const first = Array.from({ length: 100 }, call);
    await immediate();
    await immediate();
    expect([sizes, answered]).toEqual([[100], 0]);
    // They came while the first ones were on their way.
    const second = Array.from({ length: 50 }, call);
    await immediate();
    expect([sizes, answered]).toEqual([[100], 0]);
    release();
    await Promise.all(first);
    expect(answered).toBe(100);
    while (sizes.length < 2) await immediate();
    release();
    await Promise.all(second);
    expect([sizes, answered]).toEqual([[100, 50], 150]);
  });

  it("are all refused with the reason when they cannot be kept, which is a hindrance until something is kept again", async () => {
    open([], 2000);
    const large = JSON.parse(record("x", "x", { v: "y".repeat(3000) }));
    const errors = await Promise.all([door.admitOne(writer, large), door.admitOne(writer, large)]);
    expect(errors.map((error) => error?.code)).toEqual(["KM_OUTBOX_FULL", "KM_OUTBOX_FULL"]);
    expect(door.rejected).toEqual({ KM_OUTBOX_FULL: 2 });
    expect(door.hindrance?.code).toBe("KM_OUTBOX_FULL");
    expect(await door.admitOne(writer, JSON.parse(record("x", "x")))).toBeUndefined();
    expect(door.hindrance).toBeUndefined();
  });
});

describe("names at the door", () => {
  it("need one row in a body, that of the earliest writing, and none when they come again", async () => {
    await admit(
      ...Array.from({ length: 1000 }, (_, n) =>
        record("x", n === 500 ? "Signed Up" : "signed up", { Plan: n }, { time: start + Math.abs(n - 500) }),
      ),
    );
    expect(namesAmong(rows)).toEqual([
      ["event", "signed up", "Signed Up", start],
      ["property", "plan", "Plan", start],
    ]);
    rows.length = 0;
    await admit(record("y", "Signed Up", { plan: 1 }, { time: start + 5000 }), record("y", "SIGNED UP", {}, { time: start + 1 }));
    expect(namesAmong(rows)).toEqual([]);
  });

  it("give the store the earliest writing in every order of arrival, also after a restart between any two", async () => {
    const writings = [
      ["Tie", 100],
      ["TIE", 100],
      ["Tie", 50],
      ["tie", 75],
      ["TIE", 200],
    ] as const;
    for (const order of permutations(writings)) {
      for (const restarts of [false, true]) {
        const stored: Row[] = [];
        open();
        for (const [name, ms] of order) {
          if (restarts) open(earliest(stored));
          await door.admit(writer, Buffer.from(record("x", name, {}, { time: start + ms })));
          await outbox.flush();
          stored.push(...rows.splice(0));
        }
        expect(earliest(stored)).toMatchObject([{ display: "Tie", first: start + 50 }]);
      }
    }
  });

  it("are refused beyond 65,535 of a kind, also within one body, while known ones still come in", async () => {
    const line = (from: number, count: number) =>
      set("x", Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${from + n}`, n])));
    const lines = Array.from({ length: 66 }, (_, n) => line(n * 1000, 1000));
    const answer = await admit(...lines);
    expect([answer.accepted, answer.rejected]).toEqual([65, [{ index: 65, code: "KM_NAMES_TOO_MANY", message: expect.any(String) }]]);
    expect(await admit(line(0, 1000), line(70_000, 600), record("x", "an event", { p1: 1 }))).toMatchObject({
      accepted: 2,
      rejected: [{ index: 1, code: "KM_NAMES_TOO_MANY" }],
    });
    // Of another product there are as many again.
    expect(await door.admit({ ...writer, product: 2 }, Buffer.from(line(80_000, 10)))).toMatchObject({ accepted: 1 });
  });

  it("known from the store need no row", async () => {
    open([{ product: 1, kind: "event", name: "paid", display: "Paid", first: start }]);
    await admit(record("x", "PAID", {}, { time: start + 1 }));
    expect(namesAmong(rows)).toEqual([]);
    await admit(record("x", "PAID", {}, { time: start - 1 }));
    expect(namesAmong(rows)).toEqual([["event", "paid", "PAID", start - 1]]);
  });

  it("keep half of their room for servers: a page may invent ever new ones", async () => {
    const page: Writer = { ...writer, kind: "browser" };
    open(Array.from({ length: 32_766 }, (_, n) => ({ product: 1, kind: "event", name: `n${n}`, display: `N${n}`, first: 0 })));
    const who = mintAnonymous();
    const bring = async (by: Writer, ...names: string[]) =>
      (await door.admit(by, Buffer.from(ndjson(...names.map((name) => record(who, name)))))).rejected.map(({ index, code }) => [
        index,
        code,
      ]);
    expect(await bring(page, "n5", "one", "two", "one", "n6")).toEqual([[2, "KM_NAMES_TOO_MANY"]]);
    expect(await bring(page, "three", "n7")).toEqual([[0, "KM_NAMES_TOO_MANY"]]);
    expect(await bring(writer, "three", "four")).toEqual([]);
    expect(await bring(page, "three", "ONE")).toEqual([]);
    // Another product's page has room of its own.
    expect(await bring({ ...page, product: 2 }, "three")).toEqual([]);
  });
});

/** What the store would show: `argMin(display, (first, display))`. */
function earliest(stored: readonly Row[]): Name[] {
  const names = stored.filter((row) => row.type === "name") as unknown as Name[];
  const [best] = [...names].sort((a, b) => a.first - b.first || (a.display < b.display ? -1 : 1));
  return best === undefined ? [] : [best];
}
