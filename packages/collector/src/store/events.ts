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

interface Sized {
  readonly event: string;
  readonly at: number;
  readonly who: string;
  readonly size: number;
}

const rowsSql = (content: string, places: string): string => `SELECT toString(id) AS event, toUnixTimestamp64Milli(time) AS at, ${content}
  FROM km.commands FINAL WHERE product = {p:UInt32} AND type = 'record' AND who IN {whos:Array(UInt64)} AND (who, time, id) IN (${places})
  ORDER BY time DESC, event DESC`;

// By the text of the id: ClickHouse orders UUIDs by their second half, the rest of the world does not.
const sizesSql = (after: string): string =>
  rowsSql(
    `toString(commands.who) AS who, toUInt32(arraySum(x -> length(x), mapKeys(properties)) + arraySum(x -> length(x), mapValues(properties))) AS size`,
    `SELECT place.2, place.1, id FROM (SELECT id, min((time, who)) AS place FROM km.commands
      WHERE product = {p:UInt32} AND type = 'record' AND who IN {whos:Array(UInt64)} GROUP BY id)
    ${after} ORDER BY place.1 DESC, toString(id) DESC LIMIT {limit:UInt32}`,
  );

const afterCursor = "WHERE (place.1, toString(id)) < (fromUnixTimestamp64Milli(toInt64({time:Int64}), 'UTC'), {id:String})";

const contentSql = rowsSql(
  "identity, name, properties",
  `SELECT arrayJoin(arrayZip({whos:Array(UInt64)}, arrayMap(t -> fromUnixTimestamp64Milli(toInt64(t), 'UTC'), {times:Array(Int64)}),
    arrayMap(i -> toUUID(i), {ids:Array(String)})))`,
);

/** How many of the events make a page: as many as were asked for, or as have room; one in any case. */
function room(events: readonly Sized[], limit: number): number {
  let bytes = 0;
  const over = events.slice(0, limit).findIndex((event) => (bytes += event.size) > PAGE_BYTES);
  return over < 0 ? Math.min(events.length, limit) : Math.max(over, 1);
}

/**
 * A page of a person's events, newest first, each id once, and where the next one goes on. How large they are is asked first: a thousand
 * of the largest would be half a gigabyte.
 */
export async function readEvents(
  engine: Engine,
  product: number,
  whos: readonly string[],
  limit: number,
  after: Cursor | undefined,
): Promise<{ events: EventRow[]; next: Cursor | undefined }> {
  // One more than asked for tells whether there is a next page.
  const found = await engine.query<Sized>(sizesSql(after ? afterCursor : ""), { p: product, whos, ...after, limit: limit + 1 });
  const these = found.slice(0, room(found, limit));
  const last = these.at(-1);
  if (last === undefined) return { events: [], next: undefined };
  const places = { whos: these.map(({ who }) => who), times: these.map(({ at }) => at), ids: these.map(({ event }) => event) };
  const events = await engine.query<EventRow>(contentSql, { p: product, ...places });
  return { events, next: found.length > these.length ? { time: last.at, id: last.event } : undefined };
}
