import { type Command, isJunk, KmError, parseCommand, timeInRange } from "@kmkit/core";
import type { Folded, NewNames, ProductNames } from "./register.ts";

/** What a command becomes a row with. */
export interface Desk {
  readonly names: ProductNames;
  /** Takes up the names that are new. */
  readonly fresh: NewNames;
  /** ms since the epoch. */
  readonly received: number;
  /** Whether an id of version 5 is the app's own: it counts once for ever, whatever time and identity come with it. */
  readonly ownIds: boolean;
}

/**
 * A command as a row of the store, in JSON. It is put together by hand, since most texts need no escapes: `plain` says that none does, because they
 * come from a line of JSON that has none.
 */
export function rowOf(input: unknown, desk: Desk, plain: boolean): string | KmError {
  const command = parseCommand(input);
  if (command instanceof KmError) return command;
  const { type, id, time, identity } = command;
  if (!timeInRange(time, desk.received)) return new KmError("KM_TIME_RANGE", String(time));
  const own = type === "record" && desk.ownIds && id.charAt(14) === "5" ? '"own":1,' : "";
  const start = `{"type":"${type}",${own}"product":${desk.names.product},"time":${time},"id":"${id}","identity":${quote(identity, plain)}`;
  const rest = type === "alias" ? aliasOf(command, plain) : actOf(command, desk, plain);
  return rest instanceof KmError ? rest : `${start}${rest},"received":${desk.received}}`;
}

function quote(text: string, plain: boolean): string {
  return plain ? `"${text}"` : JSON.stringify(text);
}

function aliasOf({ identity, alias }: Command & { type: "alias" }, plain: boolean): string | KmError {
  // Data under a placeholder is kept, but it is tied to nobody.
  const junk = [identity, alias].find(isJunk);
  return junk === undefined ? `,"alias":${quote(alias, plain)}` : new KmError("KM_IDENTITY_JUNK", junk);
}

function actOf(command: Command & { type: "record" | "set" }, { names, fresh }: Desk, plain: boolean): string | KmError {
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
    list += `${list === "" ? "" : ","}${name.json}:${quote(String(properties[key]), plain)}`;
  }
  if (twice) list = lastOfEach(properties, (key) => names.property.find(key));
  return `,"name":${event?.json ?? '""'},"properties":{${list}}`;
}

/** Of properties that are one by their canonical names the last one counts. */
function lastOfEach(properties: Readonly<Record<string, unknown>>, fold: (key: string) => Folded): string {
  const values = new Map(Object.entries(properties).map(([key, value]) => [fold(key).json, JSON.stringify(String(value))]));
  return [...values].map(([name, value]) => `${name}:${value}`).join(",");
}
