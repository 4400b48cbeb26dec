import type { Engine } from "./engine.ts";
import { type Display, displayNames } from "./names.ts";
import { typed } from "./values.ts";

interface Row {
  readonly r: string;
  readonly t: string;
  readonly w: string;
  readonly i: string;
  readonly kind: "record" | "set" | "alias";
  readonly p: string;
  readonly n: string;
  readonly a: string;
  readonly s: Record<string, string>;
}

// Each page looks through the whole product, since its rows do not lie in order of receipt: few large pages are cheaper than many small ones.
const pageRows = 100_000;

/** How many commands are looked through at a time for ids that stand at two places. */
const slice = 1_000_000;

const reserved = new Set(["_p", "_n", "_t", "_p2"]);

// `received` alone is no order: a whole batch shares it. The rest of the key makes it one.
const pageSql = `SELECT toString(toUnixTimestamp64Milli(received)) AS r, toString(toUnixTimestamp64Milli(time)) AS t, toString(who) AS w,
    toString(id) AS i, type AS kind, identity AS p, name AS n, alias AS a, properties AS s
  FROM km.commands FINAL WHERE product = {product:UInt32}
    AND (received, time, id, who) > (fromUnixTimestamp64Milli(toInt64({r:Int64}), 'UTC'), fromUnixTimestamp64Milli(toInt64({t:Int64}), 'UTC'), toUUID({i:String}), {w:UInt64})
  ORDER BY received, time, id, who LIMIT {limit:UInt32}`;

/**
 * Ids that were sent with two times or under two identities, with the place that counts (the earliest). They are rare; ids that were
 * merely stored twice are made one by FINAL.
 */
async function twins(engine: Engine, product: number): Promise<Map<string, string>> {
  const [size] = await engine.query<{ n: number }>(
    "SELECT toUInt32(count()) AS n FROM km.commands WHERE product = {p:UInt32}",
    { p: product },
    "report",
  );
  const parts = Math.max(1, Math.ceil((size?.n ?? 0) / slice));
  const found = new Map<string, string>();
  for (let part = 0; part < parts; part++) {
    const rows = await engine.query<{ i: string; t: string; w: string }>(
      `SELECT toString(id) AS i, toString(toUnixTimestamp64Milli(min(time))) AS t, toString(argMin(who, (time, who))) AS w FROM km.commands
       WHERE product = {p:UInt32} AND sipHash64(id) % {parts:UInt32} = {part:UInt32} GROUP BY id HAVING min(time) != max(time) OR min(who) != max(who)`,
      { p: product, parts, part },
      "report",
    );
    for (const row of rows) found.set(row.i, `${row.t} ${row.w}`);
  }
  return found;
}

function line(row: Row, display: Display): string {
  const object: Record<string, string | number | boolean> = Object.create(null);
  object._p = row.p;
  if (row.kind === "record") object._n = display("event", row.n);
  object._t = Math.floor(Number(row.t) / 1000);
  if (row.kind === "alias") object._p2 = row.a;
  else {
    for (const [name, text] of Object.entries(row.s)) {
      const shown = display("property", name);
      // Also where a set has no `_n`: with one it would come back as an event.
      if (!reserved.has(shown)) object[shown] = typed(text);
    }
  }
  return JSON.stringify(object);
}

/**
 * All commands of a product as lines of KISSmetrics' export (`{"_p":…,"_n":…,"_t":…}`; no newline at the end), in order of receipt, each
 * command once. Memory holds one page of 100,000 at a time. What arrives meanwhile comes at the end; a command that is *received again*
 * while the export runs may come a second time.
 */
export async function* exportLines(engine: Engine, product: number): AsyncGenerator<string, void, undefined> {
  const places = await twins(engine, product);
  let last = { r: "-1", t: "-1", i: "00000000-0000-0000-0000-000000000000", w: "0" };
  for (;;) {
    const rows = await engine.query<Row>(pageSql, { product, ...last, limit: pageRows }, "report");
    const names = new Set<string>();
    for (const row of rows) for (const name of [row.n, ...Object.keys(row.s)]) names.add(name);
    const display = await displayNames(engine, product, names, "report");
    for (const row of rows) {
      const place = places.get(row.i);
      if (place === undefined || place === `${row.t} ${row.w}`) yield line(row, display);
    }
    const end = rows.at(-1);
    if (end === undefined || rows.length < pageRows) return;
    last = { r: end.r, t: end.t, i: end.i, w: end.w };
  }
}
