import { isAnonymous, KmError } from "@kmkit/core";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import type { Engine, Params } from "./engine.ts";
import { PAGE_BYTES, readEvents } from "./events.ts";
import { displayNames } from "./names.ts";
import { type Properties, shown, typed } from "./values.ts";

/** An identity of a person, listed once something was recorded or set under it. */
interface PersonIdentity {
  readonly identity: string;
  readonly anonymous: boolean;
  /** The earliest and the latest time of what counts under it, or, where nothing does, of what came; in ms since the epoch. */
  readonly first: number;
  readonly last: number;
  /** How many records and sets count under it: an id that came under several identities of the person does where it was earliest. */
  readonly commands: number;
}

/** Something the person did. */
interface PersonEvent {
  readonly id: string;
  /** The display name. */
  readonly name: string;
  /** ms since the epoch. */
  readonly time: number;
  /** The identity it was recorded under. */
  readonly identity: string;
  readonly properties: Properties;
}

/** All that is known of a person, with one page of events. */
export interface Person {
  /** Oldest first; of more than 10,000 the oldest, and the one that was asked for. */
  readonly identities: PersonIdentity[];
  /** The latest value of every property by display name, and the time (ms) it is from; of more than 4 MB the latest. No prototype. */
  readonly properties: Record<string, { value: string | number | boolean; time: number }>;
  /** Newest first. */
  readonly events: PersonEvent[];
  /** Give this as `after` for the next page; `null` when there is none. */
  readonly next: string | null;
  /** How many identities and properties there are beyond those shown; absent where there are none. */
  readonly omitted?: { readonly identities: number; readonly properties: number };
}

/** Which events of a person: how many (200; at most 1,000, and fewer where they hold more than 4 MB) and after which cursor. */
export interface Page {
  readonly limit?: number;
  readonly after?: string;
}

// Rows under a label that lost stay in `members`, but nobody asks for them again. No label (min of nothing is 0): a person of his own.
const whosSql = `SELECT DISTINCT toString(who) AS hash FROM (
  SELECT who FROM km.members WHERE product = {p:UInt32} AND person = (
    SELECT min(person) FROM km.people WHERE product = {p:UInt32} AND who = sipHash64({i:String}))
  UNION ALL SELECT sipHash64({i:String}) AS who)`;

const theirs = "product = {p:UInt32} AND who IN {whos:Array(UInt64)}";

/** Values of more bytes than this are fetched for themselves. */
const LONG = 256;

// Of the places at which an id stands the earliest counts (copies.ts); of several contents at that place FINAL shows the one that does.
const counting = "SELECT id, type, min((time, who)) AS place FROM km.commands";

// An identity whose every command is a copy of one that counts elsewhere is somebody's name all the same.
const identitiesSql = `SELECT identity, commands, toUnixTimestamp64Milli(first) AS first, toUnixTimestamp64Milli(last) AS last, total FROM (
  SELECT a.identity AS identity, toUInt32(c.n) AS commands, if(c.n > 0, c.first, a.first) AS first, if(c.n > 0, c.last, a.last) AS last,
    toUInt32(count() OVER ()) AS total
  FROM (SELECT identity, who, min(time) AS first, max(time) AS last FROM km.commands WHERE ${theirs} AND type != 'alias' GROUP BY identity, who) AS a
  LEFT JOIN (SELECT place.2 AS who, count() AS n, min(place.1) AS first, max(place.1) AS last
    FROM (${counting} WHERE ${theirs} AND type != 'alias' GROUP BY id, type) GROUP BY who) AS c USING (who)
  ORDER BY identity = {i:String} DESC, first, identity LIMIT 10000)
  ORDER BY first, identity`;

const valuesSql = (value: string, which: string): string => `SELECT property, max(time) AS last, ${value}
  FROM km.commands FINAL ARRAY JOIN mapKeys(properties) AS property, mapValues(properties) AS text
  WHERE ${theirs} AND type != 'alias' AND ${which}
    AND (who, time, id, type) IN (SELECT place.2, place.1, id, type FROM (${counting} WHERE ${theirs} AND type != 'alias' GROUP BY id, type))
  GROUP BY property`;

const latest = (what: string): string => `argMax(${what}, (time, toString(id), type))`;

// Long values are left out at first: a person may hold more of them than memory.
const propertiesSql = `SELECT property, short AS value, toUnixTimestamp64Milli(last) AS at, bytes > ${LONG} AS long, total FROM (
  SELECT property, short, last, bytes, toUInt32(count() OVER ()) AS total,
    sum(length(property) + bytes) OVER (ORDER BY last DESC, property ROWS UNBOUNDED PRECEDING) AS sum
  FROM (${valuesSql(`${latest("length(text)")} AS bytes, ${latest(`if(length(text) > ${LONG}, '', text)`)} AS short`, "1")}))
  WHERE sum <= ${PAGE_BYTES} ORDER BY property`;

const longSql = valuesSql(`${latest("text")} AS value`, "property IN {long:Array(String)}");

interface PropertyRow {
  readonly property: string;
  readonly value: string;
  readonly at: number;
  readonly long: number;
  readonly total: number;
}

async function readProperties(engine: Engine, params: Params): Promise<PropertyRow[]> {
  const rows = await engine.query<PropertyRow>(propertiesSql, params);
  const long = rows.filter((row) => row.long).map((row) => row.property);
  if (long.length === 0) return rows;
  const values = await engine.query<{ property: string; value: string }>(longSql, { ...params, long });
  const known = new Map(values.map((row) => [row.property, row.value]));
  return rows.map((row) => (row.long ? { ...row, value: known.get(row.property) ?? "" } : row));
}

function pageSize(limit = 200): number {
  if (!Number.isInteger(limit) || limit < 1) throw new KmError("KM_CURSOR_INVALID", `limit ${limit}`);
  return Math.min(limit, 1000);
}

/**
 * The person that an identity belongs to. `undefined` if nothing was ever recorded or set under exactly this identity, which holds
 * for one that is known from an alias only.
 *
 * @throws KmError KM_CURSOR_INVALID for an `after` that is no cursor, or a `limit` below 1.
 */
export async function readPerson(engine: Engine, product: number, identity: string, page: Page = {}): Promise<Person | undefined> {
  const limit = pageSize(page.limit);
  const cursor = page.after === undefined ? undefined : decodeCursor(page.after);
  const hashes = await engine.query<{ hash: string }>(whosSql, { p: product, i: identity });
  const whos = hashes.map((row) => row.hash);
  const params: Params = { p: product, i: identity, whos };
  const identities = await engine.query<Omit<PersonIdentity, "anonymous"> & { total: number }>(identitiesSql, params);
  if (!identities.some((one) => one.identity === identity.toWellFormed())) return undefined;
  const properties = await readProperties(engine, params);
  const { events, next } = await readEvents(engine, product, whos, limit, cursor);
  const names = [properties.map((row) => row.property), events.flatMap((row) => [row.name, ...Object.keys(row.properties)])].flat();
  const display = await displayNames(engine, product, "quick", names);

  const values: Person["properties"] = Object.create(null);
  for (const row of properties) values[display("property", row.property)] = { value: typed(row.value), time: row.at };
  const beyond = (rows: readonly { total: number }[]): number => (rows[0]?.total ?? 0) - rows.length;
  const omitted = { identities: beyond(identities), properties: beyond(properties) };
  return {
    identities: identities.map((one) => ({
      identity: one.identity,
      anonymous: isAnonymous(one.identity),
      first: one.first,
      last: one.last,
      commands: one.commands,
    })),
    properties: values,
    events: events.map((row) => ({
      id: row.event,
      name: display("event", row.name),
      time: row.at,
      identity: row.identity,
      properties: shown(row.properties, display),
    })),
    next: next === undefined ? null : encodeCursor(next),
    ...(omitted.identities + omitted.properties > 0 && { omitted }),
  };
}
