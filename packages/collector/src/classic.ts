import { type Command, canonicalName, type KmCode, KmError, MAX_NAME, MAX_VALUE, type Properties, timeOf } from "@kmkit/core";
import { derive } from "./derive.ts";
import { type Door, isUnkept } from "./door.ts";
import type { Access, Writer } from "./keys.ts";
import { readParameters } from "./parameters.ts";
import type { Sender } from "./refusals.ts";
import type { Kind } from "./target.ts";

/** A transparent GIF of one pixel: clients need a decodable picture, whatever they sent (KISSmetrics, "specifications"). */
export const GIF: Uint8Array<ArrayBuffer> = new Uint8Array(
  Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==", "base64"),
);

/** The answer's status, and the seconds after which the call may come again if it must. */
export interface Answer {
  readonly status: 200 | 503;
  readonly retryAfter?: string;
}

const received: Answer = { status: 200 };
const unkept: Answer = { status: 503, retryAfter: "2" };

/**
 * How a call is answered. 200 means that it was received (KISSmetrics, "specifications"), and it comes for whatever will never be taken as well: the
 * mobile SDKs hold a call until they get 200, and one that never got it would stand in the way of all behind it. For that same reason a good call that
 * could not be kept now (disk full) must not get it: they send it again, and nothing is lost. Clients that do not look at the status lose no more
 * by 503 than by 200, and its body is the picture too, so that no page shows a broken one. A collector that ends answers whom it has taken in, and
 * is then away like any server that is down.
 */
export function answerTo(error: KmError | undefined): Answer {
  return error !== undefined && isUnkept(error) ? unkept : received;
}

/** Headers of every answer. */
export const HEADERS = { "content-type": "image/gif", "cache-control": "no-store" } as const;

/** Headers for a page's script, which says its origin. Any page may send a call, by a picture if by nothing else, so its script may know that it arrived. */
export const SCRIPT_HEADERS = { "content-type": "image/gif", "cache-control": "no-store", "access-control-allow-origin": "*" } as const;

/** Headers of the answer to a preflight: a page's script that adds headers of its own asks first. */
export const PREFLIGHT = {
  allow: "GET, HEAD, POST, OPTIONS",
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, HEAD, POST",
  "access-control-allow-headers": "*",
  "access-control-max-age": "86400",
} as const;

/** Most parameters of a call: a thousand properties and the reserved ones, given twice. */
const MOST_PARAMETERS = 1020;

/** What a call says under reserved names; the others are properties. */
export interface Call {
  key: string;
  identity: string;
  name: string;
  time: string;
  backDated: string;
  readonly properties: Properties;
}

/**
 * A call of the classic API: `/e` records, `/s` sets, `/a` aliases; `_k` key, `_p` identity, `_n` name (or the other identity), `_t` with `_d=1`
 * the time, everything else a property. What is refused is counted by the door. Settles when it is on disk, or with the error for which it is not;
 * undefined where nothing is to be kept.
 *
 * @param query the part of the URL behind `?`, or the form in the body, still encoded.
 */
export function classicCall(kind: Kind, query: string, access: Access, door: Door): Promise<KmError | undefined> | undefined {
  const call = callOf(query);
  if (call === undefined) {
    door.refuse("KM_PROPERTIES_TOO_MANY", 1, senderOf(query, access));
    return undefined;
  }
  const writer = access.writer(call.key);
  if (writer === undefined) {
    door.refuse("KM_KEY_REFUSED", 1, call.key);
    return undefined;
  }
  const command = commandOf(kind, call, writer, door);
  if (typeof command === "string") door.refuse(command, 1, writer);
  // Not awaited here: one promise serves all calls that go to the disk together.
  else if (command !== undefined) return door.admitOne(writer, command);
  return undefined;
}

/** Whom a call came from that is not read any further. */
export function senderOf(query: string, access: Access): Sender {
  const key = /(?:^|&)_k=([^&]{0,255})/.exec(query)?.[1] ?? "";
  return access.writer(key) ?? key;
}

/**
 * What a call commands; undefined where it says nothing, or the code for which it is refused.
 *
 * The id is derived from what KISSmetrics compares (`kissmetrics.md` §2): the same person, name and second is one event, however often it comes and
 * whatever properties it bears. "Person" is here the identity as it was sent. Two identities of one person that both report the same event in the same
 * second are therefore two events, where KISSmetrics' text leaves open whether they are one. Looking the person up at the door would cost a read a call
 * and would still depend on whether the alias came before or after; that of two identities really the same act is reported is what an app does wrong,
 * and two honest acts in one second are what we would lose. Properties are the person's and not the event's: what a second call of the same event
 * brings is set, and of two values of a property in one second a person shows one.
 */
export function commandOf(kind: Kind, call: Call, writer: Writer, door: Door): Command | KmCode | undefined {
  const told = toldTime(call, Date.now());
  if (told instanceof KmError) return told.code;
  const second = Math.floor(told / 1000);
  const { identity, name, properties } = call;
  // What was not UTF-8 has been mended in decoding, and mended text could be somebody else's identity.
  if (identity.includes("\ufffd") || (kind === "a" && name.includes("\ufffd"))) return "KM_IDENTITY_INVALID";
  const time = second * 1000;
  const product = String(writer.product);
  if (kind === "a") {
    // Either order is the same edge.
    const id = derive("classic alias", product, ...[identity, name].sort());
    return { type: "alias", id, time, identity, alias: name };
  }
  const text = JSON.stringify(properties);
  const event = kind === "e" ? cut(name, MAX_NAME) : "";
  const canonical = canonicalName(event);
  if (canonical !== "") {
    const id = derive("classic event", canonical, product, identity, String(second));
    // A page that guesses what a server is about to say must not be able to say it first: see browserId.
    if (door.recent[writer.kind].isFirst(id, text)) return { type: "record", id, time, identity, name: event, properties };
  }
  return text === "{}"
    ? undefined
    : { type: "set", id: derive("classic set", text, product, identity, String(second)), time, identity, properties };
}

/** A call without parameters yet. */
export function emptyCall(): Call {
  return { key: "", identity: "", name: "", time: "", backDated: "", properties: {} };
}

/** The parameters of a call; undefined where there are too many. Of a repeated one the last counts, so that properties may override reserved ones. */
function callOf(query: string): Call | undefined {
  const parameters = readParameters(query, MOST_PARAMETERS);
  if (parameters === undefined) return undefined;
  const call = emptyCall();
  const { names, values } = parameters;
  for (let at = 0; at < names.length; at++) take(call, names[at] as string, values[at] as string);
  return call;
}

/** Takes up one parameter of a call. */
export function take(call: Call, name: string, value: string): void {
  switch (name) {
    case "_k":
      call.key = value;
      return;
    case "_p":
      call.identity = value;
      return;
    case "_n":
      call.name = value;
      return;
    case "_t":
      call.time = value;
      return;
    case "_d":
      call.backDated = value;
      return;
    case "_ip":
    case "_ua":
      return;
    default:
      // A name of nothing but space, commas and colons is none.
      if (/[^\s,:]/.test(name)) keep(call.properties, cut(name, MAX_NAME), cut(value, MAX_VALUE));
  }
}

/** A property may be called `__proto__`. */
function keep(properties: Properties, name: string, value: string): void {
  if (name === "__proto__") Object.defineProperty(properties, name, { value, enumerable: true, configurable: true, writable: true });
  else properties[name] = value;
}

/** `_t` counts only together with `_d=1`; otherwise the time is that of receipt. KISSmetrics' own URL builder forgot the `&` between them. */
function toldTime(call: Call, now: number): number | KmError {
  if (call.time === "") return now;
  const [, time = call.time, backDated = call.backDated] = /^(.*)_d=(\w+)$/.exec(call.time) ?? [];
  if (!/^\s*(1|true)\s*$/i.test(backDated) || time.trim() === "") return now;
  // Also as some languages print a large float: 1.7698608E9. Of other texts only ISO dates, since `Date.parse` finds a year in many a sentence.
  if (/^\s*\d+(\.\d*)?(e\+?\d+)?\s*$/i.test(time)) return timeOf(Number(time), now);
  return /^\s*\d{4}-\d\d-\d\d/.test(time) ? timeOf(time, now) : new KmError("KM_TIME_INVALID", time.slice(0, 40));
}

/** These clients cannot be told that a name is too long: it is cut (`kissmetrics.md` §3). An identity never is. */
function cut(text: string, most: number): string {
  return text.length > most ? text.slice(0, most).toWellFormed() : text;
}
