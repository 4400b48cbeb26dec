// Fills a store with people and their events, as the SQL engine itself can make them: `node fill.js DIRECTORY EVENTS`, ten events a person. Tells over
// IPC { raw, tables, identities, reports }: the size of the same commands as NDJSON and of each table on disk in bytes, some people, and how long
// the SQL of reports takes in ms.
const dist = "../../../packages/collector/dist";
const { openChdb } = await import(`${dist}/store/chdb.js`);
const { openStore } = await import(`${dist}/store/store.js`);
const { createHash } = await import("node:crypto");

const [directory = "", count = ""] = process.argv.slice(2);
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

const labels = `ANY LEFT JOIN (SELECT who, min(people.person) AS label FROM km.people WHERE product = ${product} GROUP BY who) AS l USING (who)`;
const person = "if(l.label = 0, who, l.label)";
const asked = (/** @type {string[]} */ ...names) =>
  `product = ${product} AND type = 'record' AND name IN (${names.map((name) => `'${name}'`)}) AND time >= now() - INTERVAL 30 DAY`;
const questions = {
  trend: `SELECT toDate(time) AS day, uniqExact(${person}) AS people, count() AS events FROM km.commands AS e FINAL ${labels}
    WHERE ${asked("viewed item")} GROUP BY day ORDER BY day`,
  funnel: `SELECT level, count() AS people FROM (
    SELECT p, windowFunnel(2592000)(t, name = 'visited site', name = 'viewed item', name = 'added to cart', name = 'purchased') AS level
    FROM (SELECT ${person} AS p, name, toDate(time) AS day, toDateTime(max(time)) AS t FROM km.commands AS e ${labels}
      WHERE ${asked("visited site", "viewed item", "added to cart", "purchased")} GROUP BY p, name, day) GROUP BY p) GROUP BY level`,
  search: `SELECT identity, toString(min(identities.first)) AS first, toString(max(identities.last)) AS last FROM km.identities
    WHERE product = ${product} AND identity ILIKE '%user123%' GROUP BY identity LIMIT 20`,
};
/** @type {Record<string, number[]>} */
const reports = {};
for (const [name, sql] of Object.entries(questions)) {
  const times = [];
  for (let time = 0; time < 6; time++) {
    const start = performance.now();
    const rows = await engine.query(sql, {}, "report");
    if (rows.length === 0) throw new Error(`${name} finds nothing`);
    times.push(performance.now() - start);
  }
  // The first one warms the caches.
  reports[name] = times.slice(1);
}
await store.close();
const identities = some.map((/** @type {{ identity: string }} */ { identity }) => identity);
process.send?.({ raw: Number(raw), tables: parts, identities, reports }, () => process.exit(0));
