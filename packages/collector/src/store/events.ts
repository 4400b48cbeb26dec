import type { Cursor } from "./cursor.ts";
import type { Engine } from "./engine.ts";

/** Most bytes of names and values in a page's events, and in its properties. */
export const PAGE_BYTES: number = 4 << 20;

/** An event as it is stored. */
export interface EventRow {
  readonly event: string;
  readonly at: number;
  readonly identity: string;
  readonly name: string;
  readonly properties: Record<string, string>;
}

interface Sized extends EventRow {
  readonly who: string;
  readonly bytes: number;
}

/** Properties of more bytes than this are fetched only for events that the page has room for: a thousand of the largest are half a gigabyte. */
const LARGE = 4096;

const rowsSql = (content: string, places: string): string => `SELECT toString(id) AS event, toUnixTimestamp64Milli(time) AS at, ${content}
  FROM km.commands FINAL WHERE product = {p:UInt32} AND type = 'record' AND who IN {whos:Array(UInt64)} AND (who, time, id) IN (${places})
  ORDER BY time DESC, event DESC`;

// By the text of the id: ClickHouse orders UUIDs by their second half, the rest of the world does not.
const sizedSql = (after: string): string =>
  rowsSql(
    `identity, name, toString(commands.who) AS who, toUInt32(arraySum(x -> length(x), mapKeys(commands.properties)) + arraySum(x -> length(x), mapValues(commands.properties))) AS bytes,
    if(bytes > ${LARGE}, CAST(map(), 'Map(LowCardinality(String), String)'), commands.properties) AS properties`,
    `SELECT place.2, place.1, id FROM (SELECT id, min((time, who)) AS place FROM km.commands
      WHERE product = {p:UInt32} AND type = 'record' AND who IN {whos:Array(UInt64)} GROUP BY id)
    ${after} ORDER BY place.1 DESC, toString(id) DESC LIMIT {limit:UInt32}`,
  );

const afterCursor = "WHERE (place.1, toString(id)) < (fromUnixTimestamp64Milli(toInt64({time:Int64}), 'UTC'), {id:String})";

const largeSql = rowsSql(
  "properties",
  `SELECT arrayJoin(arrayZip({whos:Array(UInt64)}, arrayMap(t -> fromUnixTimestamp64Milli(toInt64(t), 'UTC'), {times:Array(Int64)}),
    arrayMap(i -> toUUID(i), {ids:Array(String)})))`,
);

/** How many of the events make a page: as many as were asked for, or as have room; one in any case. */
function room(events: readonly Sized[], limit: number): number {
  let bytes = 0;
  for (const [index, event] of events.slice(0, limit).entries()) {
    bytes += event.bytes;
    if (bytes > PAGE_BYTES && index > 0) return index;
  }
  return Math.min(events.length, limit);
}

/** A page of a person's events, newest first, each id once, and where the next one goes on. */
export async function readEvents(
  engine: Engine,
  product: number,
  whos: readonly string[],
  limit: number,
  after: Cursor | undefined,
): Promise<{ events: readonly EventRow[]; next: Cursor | undefined }> {
  // One more than asked for tells whether there is a next page.
  const found = await engine.query<Sized>(sizedSql(after ? afterCursor : ""), { p: product, whos, ...after, limit: limit + 1 });
  const events = found.slice(0, room(found, limit));
  const last = events.at(-1);
  const next = last && found.length > events.length ? { time: last.at, id: last.event } : undefined;
  const large = events.filter((event) => event.bytes > LARGE);
  if (large.length === 0) return { events, next };
  const places = { whos: large.map(({ who }) => who), times: large.map(({ at }) => at), ids: large.map(({ event }) => event) };
  const rows = await engine.query<Pick<EventRow, "event" | "properties">>(largeSql, { p: product, ...places });
  const known = new Map(rows.map((row) => [row.event, row.properties]));
  return { events: events.map((event) => ({ ...event, properties: known.get(event.event) ?? event.properties })), next };
}
