import { KmError } from "@kmkit/core";
import type { Engine } from "./engine.ts";

/** Which form of the tables this is; stands in the comment of `km.commands`. Raise it with every change that an older directory has not. */
const form = "kmkit store, form 2";

// Costs a quarter of an insert's time and makes an acknowledged block outlive a power cut.
const durable = "fsync_after_insert = 1, fsync_part_directory = 1";

const day = "DateTime64(3,'UTC')";

const oldColumns = ["product", "who", "time", "id", "type", "identity", "name", "alias", "properties", "received"];

// `rank` is a hash of the content: of rows with one key, which somebody sent with different contents, the engine keeps that of the highest,
// so that which came first decides nothing. An alias has the other identity in its key, lest an edge be lost.
// Of every part that is read in order a whole granule is in memory: ten times less than by default, for commands may be large.
const commands = (table: string): string => `CREATE TABLE IF NOT EXISTS km.${table} (product UInt32 CODEC(Delta, ZSTD(1)),
    who UInt64 DEFAULT sipHash64(identity), time ${day} CODEC(Delta, ZSTD(1)), id UUID, type Enum8('record'=1,'set'=2,'alias'=3),
    identity String CODEC(ZSTD(1)), name LowCardinality(String), alias String CODEC(ZSTD(1)),
    properties Map(LowCardinality(String), String) CODEC(ZSTD(1)), received ${day} DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
    own UInt8 CODEC(ZSTD(1)), rank UInt32 DEFAULT toUInt32(sipHash64(name, properties)) CODEC(NONE))
    ENGINE = ReplacingMergeTree(rank) PARTITION BY toYear(time) PRIMARY KEY (product, who, time, id)
    ORDER BY (product, who, time, id, type, alias) SETTINGS index_granularity_bytes = 1048576, ${durable} COMMENT '${form}'`;

/**
 * The tables and views of the store, one statement each, all repeatable. `commands` is the truth; views carry what the others need of it.
 * `who` is the hash of an identity and `person` the smallest `who` of a connected set; neither is ever shown outside.
 *
 * `commands FINAL` has each key once. An id may still stand at several places, since its retry can have another time or identity: readers
 * let that of the earliest count for a person (see `copies.ts`). An app's own ids, for which that is usual, are marked by `own`.
 */
const schema: readonly string[] = [
  commands("commands"),
  // Each edge in both directions.
  `CREATE TABLE IF NOT EXISTS km.aliases (product UInt32, a UInt64, b UInt64, identity String, alias String, time ${day})
    ENGINE = ReplacingMergeTree ORDER BY (product, a, b) SETTINGS ${durable}`,
  `CREATE TABLE IF NOT EXISTS km.people (product UInt32, who UInt64, person SimpleAggregateFunction(min, UInt64))
    ENGINE = AggregatingMergeTree ORDER BY (product, who) SETTINGS index_granularity = 1024, ${durable}`,
  `CREATE TABLE IF NOT EXISTS km.members (product UInt32, person UInt64, who UInt64)
    ENGINE = ReplacingMergeTree ORDER BY (product, person, who) SETTINGS index_granularity = 1024, ${durable}`,
  `CREATE TABLE IF NOT EXISTS km.identities (product UInt32, identity String, first SimpleAggregateFunction(min, ${day}),
    last SimpleAggregateFunction(max, ${day})) ENGINE = AggregatingMergeTree ORDER BY (product, identity) SETTINGS ${durable}`,
  // A row for each way and time a name was first seen in, so that the earliest can be picked whatever came first.
  `CREATE TABLE IF NOT EXISTS km.names (product UInt32, kind Enum8('event'=1,'property'=2), name String, display String, first ${day})
    ENGINE = ReplacingMergeTree ORDER BY (product, kind, name, first, display) SETTINGS ${durable}`,
  // An empty name would be an edge to everybody else whose alias is empty.
  `CREATE MATERIALIZED VIEW IF NOT EXISTS km.mv_aliases TO km.aliases AS SELECT product, e.1 AS a, e.2 AS b, e.3 AS identity, e.4 AS alias, time
    FROM km.commands ARRAY JOIN [(who, sipHash64(commands.alias), commands.identity, commands.alias),
    (sipHash64(commands.alias), who, commands.alias, commands.identity)] AS e
    WHERE type = 'alias' AND commands.identity != '' AND commands.alias != ''`,
  `CREATE MATERIALIZED VIEW IF NOT EXISTS km.mv_identities TO km.identities AS SELECT product, identity, min(time) AS first, max(time) AS last
    FROM km.commands WHERE type != 'alias' GROUP BY product, identity`,
  "CREATE MATERIALIZED VIEW IF NOT EXISTS km.mv_members TO km.members AS SELECT product, person, who FROM km.people",
];

/**
 * Copies the commands of a directory of the first form, which had no `rank` and said nothing of its form, into a table of this one. A crash
 * leaves either table whole, and the next start begins anew.
 */
async function renew(engine: Engine, columns: ReadonlySet<string>): Promise<void> {
  // The views hang on the table that goes; those that are missing are made after.
  for (const view of ["mv_aliases", "mv_identities"]) await engine.command(`DROP VIEW IF EXISTS km.${view} SYNC`);
  await engine.command(commands("commands_next"));
  // The oldest did not note whose ids the app gave. Those are of version 5; so are those of classic calls, which only costs time.
  const own = `type = 'record' AND substring(toString(id), 15, 1) = '5'${columns.has("own") ? " OR own = 1" : ""}`;
  const kept = "product, time, id, type, identity, name, alias, properties, received";
  await engine.command(`INSERT INTO km.commands_next (${kept}, own) SELECT ${kept}, ${own} FROM km.commands`);
  await engine.command("EXCHANGE TABLES km.commands AND km.commands_next");
}

/**
 * Makes what is missing of the schema, and renews a table of the first form; harmless on a store that has it all. Tables of any other form
 * are refused with KM_STORE_BROKEN and left as they are: they would be taken for ours and count wrongly.
 */
export async function applySchema(engine: Engine): Promise<void> {
  const [found] = await engine.query<{ comment: string; columns: string[] }>(
    `SELECT any(t.comment) AS comment, groupArray(c.name) AS columns FROM system.tables AS t
     JOIN system.columns AS c ON c.database = t.database AND c.table = t.name WHERE t.database = 'km' AND t.name = 'commands' GROUP BY t.name`,
    {},
    "write",
  );
  if (found && found.comment !== form) {
    const columns = new Set(found.columns);
    const first = found.comment === "" && !columns.has("rank") && oldColumns.every((column) => columns.has(column));
    const other = found.comment || "tables of an unknown form";
    if (!first) throw new KmError("KM_STORE_BROKEN", `it holds "${other}", and this version of kmkit reads "${form}" and the one before`);
    await engine.command("DROP TABLE IF EXISTS km.commands_next SYNC");
    await renew(engine, columns);
  }
  await engine.command("CREATE DATABASE IF NOT EXISTS km");
  // What was renewed, now or before a crash.
  await engine.command("DROP TABLE IF EXISTS km.commands_next SYNC");
  for (const statement of schema) await engine.command(statement);
}
