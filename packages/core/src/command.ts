import { KmError } from "./errors.ts";
import { identityText } from "./identity.ts";
import { cleanName, MAX_NAME } from "./names.ts";
import { MAX_PROPERTIES, MAX_VALUE, type Properties } from "./properties.ts";

/**
 * The three things that cross the wire. `id`: a UUID (ours are version 7) that makes every retry harmless. `time`: ms since the epoch, UTC.
 * `identify` is none of them: it only decides whose the next commands are (KISSmetrics, "specifications").
 */
export type Command = { id: string; time: number; identity: string } & (
  | { type: "record"; name: string; properties: Properties }
  | { type: "set"; properties: Properties }
  | { type: "alias"; alias: string }
);

/** Nothing before this is stored (KISSmetrics, "technical limitations"): 2009-01-01 UTC in ms. */
const OLDEST: number = Date.UTC(2009, 0, 1);
/** Most characters of one command's JSON text. */
export const MAX_COMMAND: number = 512 << 10;
/** How far ahead of the receiver's clock a time may lie, in ms. */
const AHEAD = 86_400_000;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a time (ms since the epoch) may be stored: from 2009 on, and not more than a day ahead. */
export function timeInRange(time: number, now: number = Date.now()): boolean {
  return time >= OLDEST && time <= now + AHEAD;
}

/**
 * The time that the app hands in, in ms since the epoch: a Date, an ISO text, seconds (below 1e11: KISSmetrics' own boundary) or milliseconds.
 * A time that lies outside what is stored is an error and never shifted.
 *
 * @example
 * timeOf("2026-01-31T12:00:00Z"); // 1769860800000
 * timeOf(1769860800);             // 1769860800000
 */
export function timeOf(value: unknown, now: number = Date.now()): number | KmError {
  const time =
    value instanceof Date
      ? value.getTime()
      : typeof value === "number"
        ? milliseconds(value)
        : typeof value !== "string"
          ? Number.NaN
          : /^\s*\d+(\.\d+)?\s*$/.test(value)
            ? milliseconds(Number(value))
            : Date.parse(value);
  if (!Number.isFinite(time)) return new KmError("KM_TIME_INVALID", typeof value === "string" ? value.slice(0, 40) : typeof value);
  return timeInRange(time, now) ? Math.round(time) : new KmError("KM_TIME_RANGE", String(value).slice(0, 40));
}

/** A number below 1e11 is seconds: as milliseconds it would lie before 1973, where nothing is stored. */
function milliseconds(time: number): number {
  return Math.abs(time) < 1e11 ? time * 1000 : time;
}

/**
 * The one schema of a command on the wire, for client and collector alike: returns a command with only the known members, or the error that
 * names what is wrong. Properties in which nothing has to be mended are the input's own object. Times are checked for form, not for range: that is the receiver's clock's matter ({@link timeInRange}).
 *
 * @example
 * parseCommand({ type: "record", id: "0199…", time: 1769860800000, identity: "bob@bob.com", name: "Signed Up", properties: {} });
 */
export function parseCommand(input: unknown): Command | KmError {
  if (typeof input !== "object" || input === null || Array.isArray(input))
    return new KmError("KM_LINE_INVALID", Array.isArray(input) ? "a list" : undefined);
  const given = input as Record<string, unknown>;
  const { type } = given;
  if (type !== "record" && type !== "set" && type !== "alias") return new KmError("KM_TYPE_INVALID", show(type));
  if (typeof given.id !== "string" || !uuid.test(given.id)) return new KmError("KM_ID_INVALID", show(given.id));
  if (typeof given.time !== "number" || !Number.isFinite(given.time)) return new KmError("KM_TIME_INVALID", show(given.time));
  const identity = identityText(given.identity);
  if (identity instanceof KmError) return identity;
  // Written out for each type: a spread of what they have in common would cost more than all the checks.
  const id = given.id.toLowerCase();
  const time = Math.round(milliseconds(given.time));
  if (type === "alias") {
    const alias = identityText(given.alias);
    return alias instanceof KmError ? alias : { type, id, time, identity, alias };
  }
  const properties = wireProperties(given.properties);
  if (properties instanceof KmError) return properties;
  if (type === "set") return { type, id, time, identity, properties };
  const name = wireName(given.name);
  return name instanceof KmError ? name : { type, id, time, identity, name, properties };
}

function wireName(given: unknown): string | KmError {
  if (typeof given !== "string") return new KmError("KM_NAME_INVALID", typeof given);
  if (given.length > 4 * MAX_NAME) return new KmError("KM_NAME_TOO_LONG", `${given.length} characters`);
  const name = cleanName(given);
  if (name === "") return new KmError("KM_NAME_EMPTY");
  return name.length > MAX_NAME ? new KmError("KM_NAME_TOO_LONG", `${name.length} characters`) : name;
}

/**
 * Properties as they stand on the wire. `null` is dropped; anything that is not flat refuses the command and names the property. Most are as they
 * should be and are given back as they are: a copy would cost as much as all the rest of a command.
 */
function wireProperties(input: unknown): Properties | KmError {
  if (input === undefined || input === null) return Object.create(null) as Properties;
  if (typeof input !== "object" || Array.isArray(input)) return new KmError("KM_PROPERTIES_INVALID", show(input));
  const given = input as Record<string, unknown>;
  const keys = Object.keys(given);
  if (keys.length > MAX_PROPERTIES) return new KmError("KM_PROPERTIES_TOO_MANY", String(keys.length));
  let mended: Properties | undefined;
  for (const [at, key] of keys.entries()) {
    const value = given[key];
    const name = value === null ? undefined : propertyName(key);
    if (name instanceof KmError) return name;
    const safe = name === undefined ? undefined : wireValue(name, value);
    if (safe instanceof KmError) return safe;
    if (mended === undefined && name === key && safe === value) continue;
    mended ??= copy(given as Properties, keys, at);
    if (name !== undefined) mended[name] = safe as string;
  }
  return mended ?? (given as Properties);
}

/** The first `count` properties. */
function copy(given: Properties, keys: readonly string[], count: number): Properties {
  const out: Properties = Object.create(null);
  for (const key of keys.slice(0, count)) out[key] = given[key] as string;
  return out;
}

function propertyName(key: string): string | KmError {
  if (key.length > 4 * MAX_NAME) return new KmError("KM_NAME_TOO_LONG", `a property of ${key.length} characters`);
  const name = cleanName(key);
  if (name === "") return new KmError("KM_NAME_EMPTY", "a property");
  return name.length > MAX_NAME ? new KmError("KM_NAME_TOO_LONG", `a property of ${name.length} characters`) : name;
}

function wireValue(name: string, value: unknown): string | number | boolean | KmError {
  if (typeof value === "string")
    return value.length > MAX_VALUE ? new KmError("KM_VALUE_TOO_LONG", `${name}: ${value.length} characters`) : value.toWellFormed();
  if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) return value;
  return new KmError("KM_PROPERTY_INVALID", `${name}: ${Array.isArray(value) ? "a list" : typeof value}`);
}

function show(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 40) : typeof value;
}
