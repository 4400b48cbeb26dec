// Fills a store with people and their events, as the SQL engine itself can make them. Arguments: directory, number of events (ten a person).
// Prints { raw, tables }: the size of the same commands as NDJSON, and of each table on disk, in bytes.
const dist = "../../../../../packages/collector/dist";
const { openChdb } = await import(`${dist}/store/chdb.js`);
const { openStore } = await import(`${dist}/store/store.js`);
const { createHash } = await import("node:crypto");

const [directory, count] = /** @type {[string, string]} */ (process.argv.slice(2));
const events = Number(count);
const people = events / 10;
// The number of the product "local", which a collector without keys serves.
const product = createHash("sha256").update("local").digest().readUInt32BE(0);
const engine = await openChdb(`${directory}/store`);
const store = await openStore(engine);

/** A hexadecimal number of so many digits at the least. */
const hex = (/** @type {string} */ number, /** @type {number} */ digits) => `leftPad(lower(hex(${number})), ${digits}, '0')`;
/** A UUIDv7 of a time in ms; its random part comes from a seed. */
const uuid = (/** @type {string} */ ms, /** @type {string} */ seed) =>
  `concat(substring(${hex(`toUInt64(${ms})`, 12)}, 1, 8), '-', substring(${hex(`toUInt64(${ms})`, 12)}, 9, 4), '-7', substring(${hex(`sipHash64(${seed}, 1)`, 16)}, 1, 3), '-a', substring(${hex(`sipHash64(${seed}, 2)`, 16)}, 1, 3), '-', substring(${hex(`sipHash64(${seed}, 3)`, 16)}, 1, 12))`;
// A third of the people have named themselves; a few do much, most do little.
const anonymous = uuid("toUInt64(1750000000000 + p * 1000)", "p");
const named = "concat('user', toString(p), '@mail', toString(p % 50), '.example')";
const start = `
  WITH toUInt64(${people} * pow(randCanonical(1), 2)) AS p, toUInt64(now()) * 1000 - rand64(2) % 15552000000 AS ms,
    ['Viewed Item', 'Visited Site', 'Searched', 'Added To Cart', 'Signed Up', 'Purchased', 'Viewed Item'][1 + rand(3) % 7] AS display,
    map('page', concat('/shop/item-', toString(rand(4) % 5000)), 'plan', ['free', 'pro', 'team', 'trial'][1 + p % 4], 'amount', toString((rand(5) % 10000) / 100)) AS values`;
const insert = (/** @type {number} */ from, /** @type {number} */ rows) => `
  INSERT INTO km.commands (product, time, id, type, identity, name, alias, properties, received) ${start}
  SELECT ${product}, fromUnixTimestamp64Milli(toInt64(ms)), toUUID(${uuid("ms", "number")}), 'record', if(p % 3 = 0 AND rand(6) % 3 > 0, ${named}, ${anonymous}),
    lower(display), '', values, fromUnixTimestamp64Milli(toInt64(ms + 200)) FROM numbers(${from}, ${rows})`;
for (let from = 0; from < events; from += 1_000_000) await engine.command(insert(from, Math.min(1_000_000, events - from)));
await engine.command(`INSERT INTO km.commands (product, time, id, type, identity, alias) WITH number * 3 AS p
  SELECT ${product}, fromUnixTimestamp64Milli(toInt64(1750000000000 + p * 1000)), generateUUIDv7(), 'alias', ${anonymous}, ${named} FROM numbers(${Math.floor(people / 3)})`);
await store.relink();
const tables = ["commands", "aliases", "people", "members", "identities", "names"];
for (const table of tables) await engine.command(`OPTIMIZE TABLE km.${table} FINAL`);
const [{ raw }] = await engine.query(
  `SELECT toString(sum(multiIf(type = 'alias', toInt64(length('{"type":"alias","id":"","time":1760000000000,"identity":"","alias":""}') + length(alias)),
      toInt64(length('{"type":"record","id":"","time":1760000000000,"identity":"","name":"","properties":{}}') + length(name)
      + arraySum(arrayMap((k, v) -> length(k) + length(v) + 6, mapKeys(properties), mapValues(properties))) - 1)) + 36 + length(identity) + 1)) AS raw FROM km.commands`,
  {},
  "report",
);
const sizes = await engine.query(
  "SELECT table, toString(sum(bytes_on_disk)) AS bytes FROM system.parts WHERE database = 'km' AND active GROUP BY table",
  {},
  "report",
);
const parts = Object.fromEntries(sizes.map((/** @type {{ table: string, bytes: string }} */ { table, bytes }) => [table, Number(bytes)]));
const some = await engine.query("SELECT identity FROM km.identities ORDER BY cityHash64(identity) LIMIT 100");
console.log(
  JSON.stringify({ raw: Number(raw), tables: parts, identities: some.map((/** @type {{ identity: string }} */ { identity }) => identity) }),
);
await store.close();
process.exit(0);
