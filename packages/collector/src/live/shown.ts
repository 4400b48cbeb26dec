import { type KmCode, KmError, MAX_COMMAND, parseCommand } from "@kmkit/core";

/** A command as `GET /v1/live` shows it. Names and values are as the client wrote them. */
export interface LiveCommand {
  readonly type?: "record" | "set" | "alias";
  readonly id?: string;
  /** ms since the epoch, as the command says. */
  readonly time?: number;
  /** When it came, in ms since the epoch. */
  readonly received: number;
  readonly identity?: string;
  /** Who that is by all that is known: the person's best identity. `behind`: the store could not be asked, or has not stored all yet. */
  readonly person?: { readonly identity: string; readonly anonymous: boolean; readonly behind?: true };
  /** Of a record. */
  readonly name?: string;
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  /** Of an alias: the other identity. */
  readonly alias?: string;
  /** Why it was refused; everything else is then there as far as it could be read. */
  readonly refused?: { readonly code: KmCode; readonly message: string };
}

/** A {@link LiveCommand} of which nobody knows yet whose it is. */
export type Shown = Omit<LiveCommand, "person">;

/** Longest text that is shown of what was refused. */
const LONGEST = 1000;
/** Most properties that are shown of what was refused. */
const MOST_PROPERTIES = 1000;

/** A command that was kept, from its line or as an object; undefined for an empty line. */
export function shownOf(given: unknown, received: number): Shown | undefined {
  const command = parseCommand(typeof given === "string" ? parsed(given) : given);
  if (command instanceof KmError) return undefined;
  const { type, id, time, identity } = command;
  if (type === "alias") return { type, id, time, received, identity, alias: command.alias };
  const { properties } = command;
  return type === "set"
    ? { type, id, time, received, identity, properties }
    : { type, id, time, received, identity, name: command.name, properties };
}

/** What can be read of something that was refused. */
export function refusedOf(given: unknown, received: number, refused: NonNullable<LiveCommand["refused"]>): Shown {
  const read = typeof given === "string" ? (given.length > MAX_COMMAND ? undefined : parsed(given)) : given;
  if (typeof read !== "object" || read === null || read instanceof Error) return { received, refused };
  const { type, id, time, identity, name, properties, alias } = read as Record<string, unknown>;
  return {
    ...(type === "record" || type === "set" || type === "alias" ? { type } : {}),
    ...textOf("id", id),
    ...(typeof time === "number" ? { time } : {}),
    received,
    ...textOf("identity", typeof identity === "number" ? String(identity) : identity),
    ...textOf("name", name),
    ...(typeof properties === "object" && properties !== null ? { properties: flat(properties) } : {}),
    ...textOf("alias", typeof alias === "number" ? String(alias) : alias),
    refused,
  };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function textOf<Name extends string>(name: Name, value: unknown): Partial<Record<Name, string>> {
  return typeof value === "string" ? ({ [name]: cut(value) } as Record<Name, string>) : {};
}

/** Those that have a value that a property can have. */
function flat(properties: object): Record<string, string | number | boolean> {
  const out: Record<string, string | number | boolean> = Object.create(null);
  for (const [name, value] of Object.entries(properties).slice(0, MOST_PROPERTIES)) {
    if (typeof value === "string") out[cut(name)] = cut(value);
    else if (typeof value === "number" || typeof value === "boolean") out[cut(name)] = value;
  }
  return out;
}

function cut(text: string): string {
  return (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text).toWellFormed();
}
