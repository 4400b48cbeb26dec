import { readdir } from "node:fs/promises";
import { KmError } from "@kmkit/core";
import { parseOpen, parseSealed } from "./names.ts";
import type { Owner } from "./owner.ts";

/** The file of dead letters. */
export const LETTERS = "letters.ndjson";
/** Before the name of the file into which somebody has moved them. */
export const TAKEN = "letters-";

/** The names in an outbox directory. Throws `KM_OUTBOX_MISSING` where it is none. */
export async function outboxNames(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT" && cause.code !== "ENOTDIR") throw cause;
    throw new KmError("KM_OUTBOX_MISSING", directory, cause);
  });
  // One that was just made has nothing else than what keeps it out of the repository.
  const fresh = names.length === 1 && names[0] === ".gitignore";
  const known = (name: string) => name === "sender" || isLetters(name) || parseSealed(name) !== undefined || parseOpen(name) !== undefined;
  if (!fresh && !names.some(known)) throw new KmError("KM_OUTBOX_MISSING", directory);
  return names;
}

/** Whether a file of an outbox directory is one of dead letters. */
export function isLetters(name: string): boolean {
  return name === LETTERS || takerOf(name) !== undefined;
}

/** Who has moved letters into a file of this name, and when; undefined for any other name. */
export function takerOf(name: string): { owner: Owner; time: number } | undefined {
  const open = name.startsWith(TAKEN) ? parseOpen(name.slice(TAKEN.length)) : undefined;
  return open && { owner: open.owner, time: Number(open.stem.slice(0, 14)) };
}

/** For a file that need not be there, or has just gone. */
export function ifGone<Value>(value: Value): (error: NodeJS.ErrnoException) => Value {
  return (error) => {
    if (error.code === "ENOENT") return value;
    throw error;
  };
}
