import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openChdb } from "../src/store/chdb.ts";
import type { Engine } from "../src/store/engine.ts";
import { openStore, type Store } from "../src/store/store.ts";
import { alias, lines, own, record, set, start, uuid, uuid5 } from "./store-fixture.ts";

let directory: string;
let engine: Engine;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kmkit-form-"));
  engine = await openChdb(directory);
});
afterEach(async () => {
  await engine.close();
  await rm(directory, { recursive: true, force: true });
});

const day = "DateTime64(3,'UTC')";
const durable = "fsync_after_insert = 1, fsync_part_directory = 1";

/** The tables of the first form as they were made then, which the present ones are not derived from. */
const first: readonly string[] = [
  "CREATE DATABASE IF NOT EXISTS km",
  `CREATE TABLE km.commands (product UInt32 CODEC(Delta, ZSTD(1)), who UInt64 DEFAULT sipHash64(identity),
    time ${day} CODEC(Delta, ZSTD(1)), id UUID, type Enum8('record'=1,'set'=2,'alias'=3), identity String CODEC(ZSTD(1)),
    name LowCardinality(String), alias String CODEC(ZSTD(1)), properties Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    received ${day} DEFAULT now64(3) CODEC(Delta, ZSTD(1)))
    ENGINE = ReplacingMergeTree PARTITION BY toYear(time) ORDER BY (product, who, time, id) SETTINGS ${durable}`,
  `CREATE TABLE km.aliases (product UInt32, a UInt64, b UInt64, identity String, alias String, time ${day})
    ENGINE = ReplacingMergeTree ORDER BY (product, a, b) SETTINGS ${durable}`,
  `CREATE TABLE km.people (product UInt32, who UInt64, person SimpleAggregateFunction(min, UInt64))
    ENGINE = AggregatingMergeTree ORDER BY (product, who) SETTINGS index_granularity = 1024, ${durable}`,
  `CREATE TABLE km.members (product UInt32, person UInt64, who UInt64)
    ENGINE = ReplacingMergeTree ORDER BY (product, person, who) SETTINGS index_granularity = 1024, ${durable}`,
  `CREATE TABLE km.identities (product UInt32, identity String, first SimpleAggregateFunction(min, ${day}),
    last SimpleAggregateFunction(max, ${day})) ENGINE = AggregatingMergeTree ORDER BY (product, identity) SETTINGS ${durable}`,
  `CREATE TABLE km.names (product UInt32, kind Enum8('event'=1,'property'=2), name String, display String, first ${day})
    ENGINE = ReplacingMergeTree ORDER BY (product, kind, name, first, display) SETTINGS ${durable}`,
  `CREATE MATERIALIZED VIEW km.mv_aliases TO km.aliases AS SELECT product, e.1 AS a, e.2 AS b, e.3 AS identity, e.4 AS alias, time
    FROM km.commands ARRAY JOIN [(who, sipHash64(commands.alias), commands.identity, commands.alias),
    (sipHash64(commands.alias), who, commands.alias, commands.identity)] AS e
    WHERE type = 'alias' AND commands.identity != '' AND commands.alias != ''`,
  `CREATE MATERIALIZED VIEW km.mv_identities TO km.identities AS SELECT product, identity, min(time) AS first, max(time) AS last
    FROM km.commands WHERE type != 'alias' GROUP BY product, identity`,
  "CREATE MATERIALIZED VIEW km.mv_members TO km.members AS SELECT product, person, who FROM km.people",
];
const withOwn = "ALTER TABLE km.commands ADD COLUMN IF NOT EXISTS own UInt8 DEFAULT 0 CODEC(ZSTD(1))";

const year = 365 * 86_400_000;
const old: readonly string[] = [
  own("ann", "paid", { v: "late" }, { id: uuid5(1), time: start + 9000 }),
  own("ann", "paid", { v: "early" }, { id: uuid5(1), time: start - year }),
  own("bob", "paid", { v: "other" }, { id: uuid5(1), time: start }),
  record("ann", "seen", { v: "1" }, { id: uuid(2), time: start }),
  set("bob", { plan: "Pro" }, { id: uuid(3), time: start }),
  alias("ann", "bob", { id: uuid(4), time: start }),
  record("cy", "seen", {}, { id: uuid(5), product: 2 }),
];
const fresh: readonly string[] = [
  own("bob", "paid", { v: "later still" }, { id: uuid5(1), time: start + 99 }),
  record("dora", "seen", {}, { id: uuid(6) }),
  alias("dora", "ann", { id: uuid(7) }),
  // The first form had these at one place.
  alias("dora", "eve", { id: uuid(7) }),
  set("dora", { v: "s" }, { id: uuid(6) }),
];

async function makeFirst(own: boolean): Promise<void> {
  for (const statement of [...first, ...(own ? [withOwn] : [])]) await engine.command(statement);
  const columns = ["product", "time", "id", "type", "identity", "name", "alias", "properties", "received", ...(own ? ["own"] : [])];
  await engine.insert("km.commands", columns, Buffer.from(`${old.join("\n")}\n`));
  // The same again, in a part of its own.
  await engine.insert("km.commands", columns, Buffer.from(`${old.slice(0, 4).join("\n")}\n`));
}

async function everything(store: Store): Promise<unknown> {
  const asked = [1, 2].flatMap((product) => ["ann", "bob", "cy", "dora"].map((identity) => store.person(product, identity)));
  const exported = [...(await lines(store.export(1))), ...(await lines(store.export(2)))];
  const edges = await engine.query("SELECT DISTINCT product, identity, alias FROM km.aliases ORDER BY product, identity, alias");
  return { people: await Promise.all(asked), exported, edges, counts: await store.counts(), relinked: await store.relink() };
}

/** What a store that was never of another form makes of the same lines. */
async function right(): Promise<unknown> {
  const away = await mkdtemp(join(tmpdir(), "kmkit-form-"));
  await engine.close();
  engine = await openChdb(away);
  const store = await openStore(engine);
  await store.write(old);
  await store.write(fresh);
  const all = await everything(store);
  await engine.close();
  await rm(away, { recursive: true, force: true });
  engine = await openChdb(directory);
  return all;
}

describe("a store of the first form", () => {
  it.each([
    ["that marked the app's ids", true],
    ["from before they were marked", false],
  ])("is renewed when it is opened, and counts as if it had been of this one always: %s", async (_, marked) => {
    await makeFirst(marked);
    const expected = await right();
    const store = await openStore(engine);
    // The first form linked after the insert; here nobody did.
    expect(await store.relink()).toBe(2);
    await store.write(fresh);
    expect(await everything(store)).toEqual(expected);
    expect(await everything(await openStore(engine))).toEqual(expected);
    await engine.close();
    engine = await openChdb(directory);
    expect(await everything(await openStore(engine))).toEqual(expected);
  });

  it("is whole and renewed at the next start, wherever the renewal was cut off", async () => {
    const expected = await right();
    let statements = 0;
    /** Opens an engine that stops working after so many statements. */
    const cutOff = async (after: number): Promise<void> => {
      let done = 0;
      const command = async (sql: string): Promise<void> => {
        if (done === after) throw new Error("cut off");
        done += 1;
        await engine.command(sql);
        statements = Math.max(statements, done);
      };
      await openStore({ ...engine, command });
    };
    await makeFirst(true);
    await cutOff(Number.POSITIVE_INFINITY);
    for (let after = 0; after < statements; after++) {
      await engine.command("DROP DATABASE km SYNC");
      await makeFirst(true);
      await expect(cutOff(after)).rejects.toMatchObject({ code: "KM_STORE_BROKEN" });
      const store = await openStore(engine);
      await store.relink();
      await store.write(fresh);
      expect(await everything(store)).toEqual(expected);
      const tables = await engine.query<{ name: string }>("SELECT name FROM system.tables WHERE database = 'km' ORDER BY name");
      expect(tables.map(({ name }) => name)).not.toContain("commands_next");
      expect(tables).toHaveLength(9);
    }
    expect(statements).toBeGreaterThan(10);
  }, 120_000);
});

describe("a store of another form", () => {
  it.each([
    ["a later one", "product UInt32, id UUID", "kmkit store, form 99", "form 99"],
    ["none that was ever ours", "product UInt32, id UUID", "", "unknown form"],
  ])("is refused with the reason and left as it is: %s", async (_, columns, comment, reason) => {
    await engine.command("CREATE DATABASE km");
    await engine.command(`CREATE TABLE km.commands (${columns}) ENGINE = ReplacingMergeTree ORDER BY product COMMENT '${comment}'`);
    await engine.command("CREATE TABLE km.commands_next (n UInt8) ENGINE = MergeTree ORDER BY n");
    await expect(openStore(engine)).rejects.toMatchObject({ code: "KM_STORE_BROKEN", message: expect.stringContaining(reason) });
    expect(await engine.query("SELECT name FROM system.tables WHERE database = 'km' ORDER BY name")).toEqual([
      { name: "commands" },
      { name: "commands_next" },
    ]);
  });
});
