import { type Command, canonicalName, type KmCode, KmError, MAX_NAME, MAX_VALUE, type Properties, timeOf } from "@kmkit/core";
import { derive } from "./derive.ts";
import type { Door } from "./door.ts";
import type { Access, Writer } from "./keys.ts";
import { readParameters } from "./parameters.ts";

/** A transparent GIF of one pixel: clients need a decodable picture, whatever they sent (KISSmetrics, "specifications"). */
export const GIF: Uint8Array<ArrayBuffer> = new Uint8Array(
  Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==", "base64"),
);

/** What a classic call does: record, set or alias. */
export type Kind = "e" | "s" | "a";

/** Most parameters of a call: a thousand properties and the reserved ones, given twice. */
const MOST_PARAMETERS = 1020;

/** What a call says under reserved names; the others are properties. */
interface Call {
  key: string;
  identity: string;
  name: string;
  time: string;
  backDated: string;
  readonly properties: Properties;
}

/**
 * A call of the classic API: `/e` records, `/s` sets, `/a` aliases; `_k` key, `_p` identity, `_n` name (or the other identity), `_t` with `_d=1`
 * the time, everything else a property. What is refused is counted by the door. Settles when it is on disk; undefined where nothing is to be kept.
 *
 * @param query the part of the URL behind `?`, or the form in the body, still encoded.
 */
export function classicCall(kind: Kind, query: string, access: Access, door: Door): Promise<unknown> | undefined {
  const command = commandOf(kind, query, access);
  if (typeof command === "string") door.refuse(command);
  // Not awaited here: one promise serves all calls that go to the disk together.
  else if (command !== undefined) return door.admitOne(command.writer, command);
  return undefined;
}

/** What a call commands, and who brings it; undefined where it says nothing, or the code for which it is refused. */
function commandOf(kind: Kind, query: string, access: Access): (Command & { writer: Writer }) | KmCode | undefined {
  const call = read(query);
  if (call === undefined) return "KM_PROPERTIES_TOO_MANY";
  const writer = access.writer(call.key);
  if (writer === undefined) return "KM_KEY_REFUSED";
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
    return { type: "alias", writer, id, time, identity, alias: name };
  }
  const event = kind === "e" ? cut(name, MAX_NAME) : "";
  const canonical = canonicalName(event);
  // KISSmetrics' duplicate rule: the same person, name and second is one event, however often it comes.
  const same = canonical === "" ? ["classic set", JSON.stringify(properties)] : ["classic event", canonical];
  const id = derive(...same, product, identity, String(second));
  if (canonical !== "") return { type: "record", writer, id, time, identity, name: event, properties };
  return Object.keys(properties).length === 0 ? undefined : { type: "set", writer, id, time, identity, properties };
}

/** The parameters of a call; undefined where there are too many. Of a repeated one the last counts. */
function read(query: string): Call | undefined {
  const parameters = readParameters(query, MOST_PARAMETERS);
  if (parameters === undefined) return undefined;
  const call: Call = { key: "", identity: "", name: "", time: "", backDated: "", properties: {} };
  const { names, values } = parameters;
  for (let at = 0; at < names.length; at++) take(call, names[at] as string, values[at] as string);
  return call;
}

function take(call: Call, name: string, value: string): void {
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
      if (name.trim() !== "") keep(call.properties, cut(name, MAX_NAME), cut(value, MAX_VALUE));
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
  return /^(1|true)$/i.test(backDated) && time !== "" ? timeOf(time, now) : now;
}

/** These clients cannot be told that a name is too long: it is cut (`kissmetrics.md` §3). An identity never is. */
function cut(text: string, most: number): string {
  return text.length > most ? text.slice(0, most).toWellFormed() : text;
}
