import { type Command, isJunk, KmError, parseCommand, timeInRange } from "@kmkit/core";
import type { NewNames, ProductNames } from "./register.ts";

type Act = Command & { type: "record" | "set" };

/** What a command becomes a row with. */
export interface Desk {
  readonly names: ProductNames;
  /** Takes up the names that are new. */
  readonly fresh: NewNames;
  /** ms since the epoch. */
  readonly received: number;
  /** What ends every row. */
  readonly end: string;
  /** Whether an id of version 5 is the app's own: it counts once for ever, whatever time and identity come with it. */
  readonly ownIds: boolean;
}

/** The desk for some commands that arrive together. */
export function deskOf(names: ProductNames, fresh: NewNames, received: number, ownIds: boolean): Desk {
  return { names, fresh, received, end: `,"product":${names.product},"received":${received}}`, ownIds };
}

/**
 * A command as a row of the store, in JSON. It is put together by hand, of few and ready parts, since hardly any text needs escapes: `plain` says
 * that none does, because they come from a line of JSON that has none.
 */
export function rowOf(input: unknown, desk: Desk, plain: boolean): string | KmError {
  const command = parseCommand(input);
  if (command instanceof KmError) return command;
  const { type, id, time, identity } = command;
  if (!timeInRange(time, desk.received)) return new KmError("KM_TIME_RANGE", String(time));
  const rest = type === "alias" ? aliasOf(command, plain) : actOf(command, desk, plain);
  if (rest instanceof KmError) return rest;
  const own = type === "record" && desk.ownIds && id.charCodeAt(14) === version5 ? '"own":1,' : "";
  return `{"type":"${type}",${own}"id":"${id}","time":${digits(time)},"identity":"${escaped(identity, plain)}",${rest}${desk.end}`;
}

/** The character that stands in a UUID of version 5 at its place. */
const version5 = "5".charCodeAt(0);

/** What may not stand in JSON as it is; texts are well-formed already. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it is about
const special = /["\\\u0000-\u001f]/;

/** A text as it stands between the quotes of JSON. */
function escaped(text: string, plain: boolean): string {
  return plain || !special.test(text) ? text : JSON.stringify(text).slice(1, -1);
}

let second = 0;
let secondDigits = "0";

/** A time of today in ms as digits. Numbers of this size are slow to write, and most commands of a batch are of the same second. */
function digits(time: number): string {
  const whole = Math.floor(time / 1000);
  if (whole !== second) {
    second = whole;
    secondDigits = String(whole);
  }
  return secondDigits + String(1000 + time - 1000 * whole).slice(1);
}

function aliasOf({ identity, alias }: Command & { type: "alias" }, plain: boolean): string | KmError {
  // Data under a placeholder is kept, but it is tied to nobody.
  const junk = [identity, alias].find(isJunk);
  return junk === undefined ? `"alias":"${escaped(alias, plain)}"` : new KmError("KM_IDENTITY_JUNK", junk);
}

function actOf(command: Act, { names, fresh }: Desk, plain: boolean): string | KmError {
  const { time, properties } = command;
  const event = command.type === "record" ? names.take("event", command.name, time, fresh) : undefined;
  if (event instanceof KmError) return event;
  const number = names.next();
  let list = "";
  let twice = false;
  for (const key of Object.keys(properties)) {
    const name = names.take("property", key, time, fresh);
    if (name instanceof KmError) return name;
    twice ||= name.last === number;
    name.last = number;
    list += `${list === "" ? "" : ","}${name.json}:"${escaped(String(properties[key]), plain)}"`;
  }
  return `"name":${event?.json ?? '""'},"properties":{${twice ? lastOfEach(properties, names) : list}}`;
}

/** Of properties that are one by their canonical names the last one counts. */
function lastOfEach(properties: Act["properties"], names: ProductNames): string {
  const values = new Map(Object.entries(properties).map(([key, value]) => [names.property.find(key).json, JSON.stringify(String(value))]));
  return [...values].map(([name, value]) => `${name}:${value}`).join(",");
}
