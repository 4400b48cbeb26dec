import { type Command, isJunk, KmError, parseCommand, timeInRange } from "@kmkit/core";
import { browserId, browserRefusal, browserWriting } from "./browser.ts";
import type { Writer } from "./keys.ts";
import type { NewNames, ProductNames } from "./register.ts";

type Act = Command & { type: "record" | "set" };

/** What a command becomes a row with. */
export interface Desk {
  readonly names: ProductNames;
  /** Takes up the names that are new. */
  readonly fresh: NewNames;
  /** ms since the epoch. */
  readonly received: number;
  /** What ends a row behind its last member; behind its last property; and behind the text of that one's value. */
  readonly end: string;
  readonly endOfList: string;
  readonly endOfText: string;
  /** Whether an id of version 5 is the app's own: it counts once for ever, whatever time and identity come with it. */
  readonly ownIds: boolean;
  /** Who brings them, where that is a browser key. */
  readonly browser: Writer | undefined;
}

/** The desk for some commands that arrive together. */
export function deskOf(names: ProductNames, fresh: NewNames, received: number, ownIds: boolean, writer?: Writer): Desk {
  const browser = writer?.kind === "browser" ? writer : undefined;
  const end = `,"product":${names.product},"received":${received}}`;
  return { names, fresh, received, end, endOfList: `}${end}`, endOfText: `"}${end}`, ownIds, browser };
}

/**
 * A command as a row of the store, in JSON. It is put together by hand, of few and ready parts, since each of them is an object until all are one,
 * and since hardly any text needs escapes: `plain` says that none does, because they come from a line of JSON that has none.
 */
export function rowOf(input: unknown, desk: Desk, plain: boolean): string | KmError {
  const command = parseCommand(input);
  if (command instanceof KmError) return command;
  const { type, time, identity } = command;
  const { browser } = desk;
  if (!timeInRange(time, desk.received)) return new KmError("KM_TIME_RANGE", String(time));
  const refused = browser === undefined ? undefined : browserRefusal(command, browser, desk.received);
  if (refused !== undefined) return refused;
  const rest = type === "alias" ? aliasOf(command, desk, plain) : actOf(command, desk, plain);
  if (rest instanceof KmError) return rest;
  const id = browser === undefined ? command.id : browserId(browser.product, command.id);
  const own = type === "record" && desk.ownIds && browser === undefined && id.charCodeAt(14) === version5;
  return (own ? ownRecord : beginnings[type]) + id + timeText(time) + escaped(identity, plain) + rest;
}

const beginnings = { record: '{"type":"record","id":"', set: '{"type":"set","id":"', alias: '{"type":"alias","id":"' };
const ownRecord = '{"type":"record","own":1,"id":"';

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
let secondText = '","time":0';
/** The last three digits of a time, and what follows it. */
const thousandths = Array.from({ length: 1000 }, (_, ms) => Buffer.from(`${String(ms).padStart(3, "0")},"identity":"`).toString());

/** What stands between a row's id and its identity. Numbers of the size of a time are slow to write, and most commands of a batch are of one second. */
function timeText(time: number): string {
  const whole = Math.floor(time / 1000);
  if (whole !== second) {
    second = whole;
    secondText = Buffer.from(`","time":${whole}`).toString();
  }
  return secondText + (thousandths[time - 1000 * whole] as string);
}

function aliasOf({ identity, alias }: Command & { type: "alias" }, { end }: Desk, plain: boolean): string | KmError {
  // Data under a placeholder is kept, but it is tied to nobody.
  const junk = [identity, alias].find(isJunk);
  return junk === undefined ? `","alias":"${escaped(alias, plain)}"${end}` : new KmError("KM_IDENTITY_JUNK", junk);
}

function actOf(command: Act, { names, fresh, endOfList, endOfText, browser }: Desk, plain: boolean): string | KmError {
  const { properties } = command;
  const written = browser === undefined ? command.time : browserWriting(command.time);
  const event = command.type === "record" ? names.take("event", command.name, written, fresh) : undefined;
  if (event instanceof KmError) return event;
  const start = event?.event ?? '","name":"","properties":{';
  const number = names.next();
  let list = "";
  let twice = false;
  for (const key of Object.keys(properties)) {
    const name = names.take("property", key, written, fresh);
    if (name instanceof KmError) return name;
    twice ||= name.last === number;
    name.last = number;
    list += (list === "" ? name.opening : name.following) + escaped(String(properties[key]), plain);
  }
  if (twice) return start + lastOfEach(properties, names) + endOfList;
  return start + list + (list === "" ? endOfList : endOfText);
}

/** Of properties that are one by their canonical names the last one counts. */
function lastOfEach(properties: Act["properties"], names: ProductNames): string {
  const values = new Map(Object.entries(properties).map(([key, value]) => [names.property.find(key).json, JSON.stringify(String(value))]));
  return [...values].map(([name, value]) => `${name}:${value}`).join(",");
}
