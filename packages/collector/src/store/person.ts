import { isAnonymous, KmError } from "@kmkit/core";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import type { Engine, Params } from "./engine.ts";
import { displayNames } from "./names.ts";
import { type Properties, shown, typed } from "./values.ts";

/** An identity of a person, listed once something that counts was recorded or set under it. */
interface PersonIdentity {
  readonly identity: string;
  readonly anonymous: boolean;
  /** The earliest and the latest time of a record or set under it, in ms since the epoch. */
  readonly first: number;
  readonly last: number;
  /** How many records and sets stand under it. An id that came under several identities of the person counts where it was earliest. */
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
  /** Oldest first. */
  readonly identities: PersonIdentity[];
  /** The latest value of every property by display name, and the time (ms) it is from. No prototype. */
  readonly properties: Record<string, { value: string | number | boolean; time: number }>;
  /** Newest first. */
  readonly events: PersonEvent[];
  /** Give this as `after` for the next page; `null` when there is none. */
  readonly next: string | null;
}

/** Which events of a person: how many (200; at most 1,000) and after which cursor. */
export interface Page {
  readonly limit?: number;
  readonly after?: string;
}

interface EventRow {
  readonly event: string;
  readonly at: number;
  readonly identity: string;
  readonly name: string;
  readonly properties: Record<string, string>;
}

// Rows under a label that lost stay in `members`, but nobody asks for them again. No label (min of nothing is 0): a person of his own.
const whosSql = `SELECT DISTINCT toString(who) AS hash FROM (
  SELECT who FROM km.members WHERE product = {p:UInt32} AND person = (
    SELECT min(person) FROM km.people WHERE product = {p:UInt32} AND who = sipHash64({i:String}))
  UNION ALL SELECT sipHash64({i:String}) AS who)`;

const theirs = "product = {p:UInt32} AND who IN {whos:Array(UInt64)}";

// A command that came with two times or under two identities counts at the earliest, so each statement first makes one row an id; that
// also makes one of a command that is stored twice and not merged yet.
const identitiesSql = `SELECT identity, toUInt32(count()) AS commands, toUnixTimestamp64Milli(min(t)) AS first, toUnixTimestamp64Milli(max(t)) AS last
  FROM (SELECT id, min(time) AS t, argMin(commands.identity, (time, who)) AS identity FROM km.commands WHERE ${theirs} AND type != 'alias' GROUP BY id)
  GROUP BY identity ORDER BY first, identity`;

const propertiesSql = `SELECT property, argMax(text, (time, toString(id), text)) AS value, toUnixTimestamp64Milli(max(time)) AS at
  FROM (SELECT id, time, properties FROM km.commands WHERE ${theirs} AND type != 'alias' ORDER BY time, who LIMIT 1 BY id)
  ARRAY JOIN mapKeys(properties) AS property, mapValues(properties) AS text GROUP BY property ORDER BY property`;

// By the text of the id: ClickHouse orders UUIDs by their second half, the rest of the world does not.
const eventsSql = (after: string): string => `SELECT toString(id) AS event, toUnixTimestamp64Milli(time) AS at, identity, name, properties
  FROM km.commands WHERE product = {p:UInt32} AND type = 'record' AND (who, time, id) IN (
    SELECT w, t, id FROM (SELECT id, min(time) AS t, argMin(who, (time, who)) AS w FROM km.commands WHERE ${theirs} AND type = 'record' GROUP BY id)
    ${after} ORDER BY t DESC, toString(id) DESC LIMIT {limit:UInt32})
  ORDER BY time DESC, event DESC LIMIT 1 BY id`;

const afterCursor = "WHERE (t, toString(id)) < (fromUnixTimestamp64Milli(toInt64({time:Int64}), 'UTC'), {id:String})";

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
  const params: Params = { p: product, whos: hashes.map((row) => row.hash) };
  const identities = await engine.query<Omit<PersonIdentity, "anonymous">>(identitiesSql, params);
  if (!identities.some((one) => one.identity === identity.toWellFormed())) return undefined;
  const properties = await engine.query<{ property: string; value: string; at: number }>(propertiesSql, params);
  const rows = await engine.query<EventRow>(eventsSql(cursor ? afterCursor : ""), { ...params, ...cursor, limit: limit + 1 });
  // One more than asked for tells whether there is a next page.
  const events = rows.slice(0, limit);
  const last = rows.length > limit ? events.at(-1) : undefined;
  const names = [properties.map((row) => row.property), events.flatMap((row) => [row.name, ...Object.keys(row.properties)])].flat();
  const display = await displayNames(engine, product, names, "quick");

  const values: Person["properties"] = Object.create(null);
  for (const row of properties) values[display("property", row.property)] = { value: typed(row.value), time: row.at };
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
    next: last === undefined ? null : encodeCursor({ time: last.at, id: last.event }),
  };
}
