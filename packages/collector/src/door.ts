import { type Command, isJunk, KmError, MAX_COMMAND, type Outbox, parseCommand, type Refusal, timeInRange } from "@kmkit/core";
import { type NameRegister, NewNames } from "./register.ts";
import type { NameKind } from "./store/names.ts";

/** What became of some lines: how many are safe, and which were refused and why; or `error` where none could be kept now. */
interface Admitted {
  readonly accepted: number;
  readonly rejected: readonly Refusal[];
  readonly error?: KmError;
}

/** The one door by which commands come in, in whatever form they arrived: checked, made into rows of the store, and put into the outbox. */
export interface Door {
  /** NDJSON, one command a line. Settles when what was accepted is on disk. */
  admit(product: number, body: Uint8Array): Promise<Admitted>;
  /** One command that is no JSON (the classic calls). Returns why it was refused. */
  admitOne(product: number, command: unknown): Promise<KmError | undefined>;
  /** Count what was refused before it became a command. */
  refuse(code: string, count?: number): void;
  /** How many commands were refused since the start, by code. */
  readonly rejected: Readonly<Record<string, number>>;
}

/** Makes the door in front of an outbox. */
export function createDoor(outbox: Outbox, register: NameRegister): Door {
  const rejected: Record<string, number> = {};
  const refuse = (code: string, count = 1) => {
    rejected[code] = (rejected[code] ?? 0) + count;
  };
  const keep = async (rows: string[], fresh: NewNames): Promise<KmError | undefined> => {
    if (rows.length === 0) return undefined;
    const names = fresh.rows;
    const error = await outbox.put([...names.map((name) => JSON.stringify({ type: "name", ...name })), ...rows]);
    if (error === undefined) register.commit(names);
    return error;
  };
  return {
    rejected,
    refuse,
    admit: async (product, body) => {
      const now = Date.now();
      const rows: string[] = [];
      const names = new NewNames();
      const refused: Refusal[] = [];
      const lines = linesOf(body);
      for (const [index, line] of lines.entries()) {
        if (typeof line === "string" && line.trim() === "") continue;
        const row = typeof line === "string" ? toRow(product, parse(line), register, names, now) : line;
        if (row instanceof KmError) refused.push({ index, code: row.code, message: row.message });
        else rows.push(row);
      }
      const error = await keep(rows, names);
      if (error !== undefined) return { accepted: 0, rejected: refused, error };
      for (const { code } of refused) refuse(code);
      return { accepted: rows.length, rejected: refused };
    },
    admitOne: async (product, command) => {
      const names = new NewNames();
      const row = toRow(product, command, register, names, Date.now());
      const error = row instanceof KmError ? row : await keep([row], names);
      if (error !== undefined) refuse(error.code);
      return error;
    },
  };
}

const strict = new TextDecoder("utf-8", { fatal: true });
const newline = 10;

/** The lines of a body. Bytes that are not UTF-8 spoil their line only: mended text could be somebody else's identity. */
function linesOf(body: Uint8Array): (string | KmError)[] {
  try {
    return strict.decode(body).split("\n");
  } catch {
    const out: (string | KmError)[] = [];
    for (let start = 0; start <= body.length; ) {
      const found = body.indexOf(newline, start);
      const end = found < 0 ? body.length : found;
      try {
        out.push(strict.decode(body.subarray(start, end)));
      } catch {
        out.push(new KmError("KM_LINE_INVALID", "not UTF-8"));
      }
      start = end + 1;
    }
    return out;
  }
}

function parse(line: string): unknown {
  if (line.length > MAX_COMMAND) return new KmError("KM_COMMAND_TOO_LARGE", `${line.length} characters`);
  try {
    return JSON.parse(line);
  } catch (cause) {
    return new KmError("KM_LINE_INVALID", cause instanceof Error ? cause.message.slice(0, 120) : undefined);
  }
}

/** A command as a row of the store; names that are new go into `names`. */
function toRow(product: number, input: unknown, register: NameRegister, names: NewNames, received: number): string | KmError {
  if (input instanceof KmError) return input;
  const command = parseCommand(input);
  if (command instanceof KmError) return command;
  if (!timeInRange(command.time, received)) return new KmError("KM_TIME_RANGE", String(command.time));
  const { type, id, time, identity } = command;
  const head = { type, product, time, id, identity };
  if (type === "alias") {
    // Data under a placeholder is kept, but it is tied to nobody.
    const junk = [identity, command.alias].find(isJunk);
    if (junk !== undefined) return new KmError("KM_IDENTITY_JUNK", junk);
    return JSON.stringify({ ...head, alias: command.alias, received });
  }
  return withNames(command, head, register, names, received);
}

function withNames(
  command: Command & { type: "record" | "set" },
  head: object & { product: number; time: number },
  register: NameRegister,
  names: NewNames,
  received: number,
): string | KmError {
  let error: KmError | undefined;
  const canonical = (kind: NameKind, display: string): string => {
    error ??= register.note(names, head.product, kind, display, head.time);
    return register.fold(display);
  };
  const name = command.type === "record" ? canonical("event", command.name) : "";
  const properties: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(command.properties)) properties[canonical("property", key)] = String(value);
  return error ?? JSON.stringify({ ...head, name, properties, received });
}
