import { copiesSql } from "./copies.ts";
import type { Engine } from "./engine.ts";
import { type Display, displayNames } from "./names.ts";
import { typed } from "./values.ts";

interface Row {
  readonly k: string;
  readonly t: string;
  readonly kind: "record" | "set" | "alias";
  readonly p: string;
  readonly n: string;
  readonly a: string;
  readonly s: Record<string, string>;
}

const reserved = new Set(["_p", "_n", "_t", "_p2"]);

// Nearly the order in which the rows lie on disk: the engine merges the parts as it reads, and sorts and holds no more than what is of one
// time. By the text of the id, as where the last value is chosen: ClickHouse orders UUIDs by their second half.
const rowsSql = `SELECT toString(sipHash64(who, time, commands.id, type)) AS k, toString(toUnixTimestamp64Milli(time)) AS t, type AS kind,
    identity AS p, name AS n, alias AS a, properties AS s
  FROM km.commands FINAL WHERE product = {p:UInt32} ORDER BY product, who, time, toString(id), type, alias`;

/**
 * The places that do not count, by their hashes: eight bytes each. Not a condition of the statement above, since a stream works its
 * sub-selects out at its start and holds up the whole process until it has.
 */
async function copies(engine: Engine, product: number): Promise<ReadonlySet<bigint>> {
  const bytes = await engine.binary(`SELECT sipHash64(who, time, id, type) FROM (${copiesSql()})`, { p: product }, "report");
  return new Set(new BigUint64Array(bytes.slice().buffer));
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
 * All commands of a product as lines of KISSmetrics' export (`{"_p":…,"_n":…,"_t":…}`; no newline at the end), each command once: all of
 * an identity together, by time; identities come in no order that means anything. Read in again as they stand they give the same people,
 * with times in whole seconds. It is what was stored at the moment of the first line, read once, as fast as the lines are taken. (Where an
 * earlier copy of a command arrives in the seconds before that moment, both may be in it.)
 */
export async function* exportLines(engine: Engine, product: number): AsyncGenerator<string, void, undefined> {
  const display = await displayNames(engine, product, "report");
  const needless = await copies(engine, product);
  for await (const rows of engine.stream<Row>(rowsSql, { p: product })) {
    for (const row of rows) if (needless.size === 0 || !needless.has(BigInt(row.k))) yield line(row, display);
  }
}
