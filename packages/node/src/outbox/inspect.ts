import { readdir, readFile, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { deadLetters } from "./deadletters.ts";
import { ifGone, outboxNames } from "./directory.ts";
import { parseOpen, parseSealed } from "./names.ts";
import { isAtWork, newOwner, type Owner } from "./owner.ts";
import { lookThrough } from "./soundness.ts";

/** What stands in an outbox directory at a moment. */
export interface OutboxState {
  /** How many commands wait. Those of a batch that is sent by parts count until its last part is taken. */
  readonly waiting: number;
  /** Their bytes. */
  readonly waitingBytes: number;
  /** When the file of the oldest was begun, in ms since the epoch; undefined where none waits. */
  readonly oldest: number | undefined;
  /** How many commands were refused for good and are kept to be looked at. */
  readonly deadLetters: number;
  /** Why the last try failed and when that began; undefined where the last try went well. */
  readonly fault: { readonly code: string; readonly detail: string | undefined; readonly time: number } | undefined;
  /** Bytes of damaged lines, which cannot be sent; they stand in `broken.ndjson`. */
  readonly broken: number;
  /** The process that sends at this moment. Undefined between two tries, too. A host's long name is cut to its end. */
  readonly sender: { readonly pid: number; readonly host: string } | undefined;
}

/**
 * Tells what waits in an outbox directory, also while processes write to it and send from it. It opens no outbox and changes nothing. Throws
 * `KM_OUTBOX_MISSING` where there is none, and what the file system says where the directory may not be read.
 *
 * @example
 * const { waiting, oldest, fault } = await inspectOutbox(".kmkit/outbox");
 */
export async function inspectOutbox(directory: string): Promise<OutboxState> {
  const names = await outboxNames(directory);
  const [waiting, letters, fault, broken, sender] = await Promise.all([
    wait(directory, names),
    deadLetters(directory),
    lastFault(directory),
    stat(join(directory, "broken.ndjson")).then(({ size }) => size, ifGone(0)),
    senderOf(directory),
  ]);
  return { ...waiting, deadLetters: letters.length, fault, broken, sender };
}

async function wait(
  directory: string,
  names: readonly string[],
  tries = 5,
): Promise<Pick<OutboxState, "waiting" | "waitingBytes" | "oldest">> {
  let waiting = 0;
  let waitingBytes = 0;
  let oldest: number | undefined;
  for (const name of names) {
    const told = parseSealed(name) ?? (parseOpen(name) && (await written(directory, name)));
    // It was sealed in the meantime, under a name that this listing has not.
    if (told === "gone" && tries > 0) return wait(directory, await readdir(directory), tries - 1);
    if (told === undefined || told === "gone" || told.count === 0) continue;
    waiting += told.count;
    waitingBytes += told.bytes;
    oldest = Math.min(oldest ?? Number.POSITIVE_INFINITY, Number(name.slice(0, 14)));
  }
  return { waiting, waitingBytes, oldest };
}

/** What is in a file that somebody writes to. */
async function written(directory: string, name: string): Promise<{ count: number; bytes: number } | "gone"> {
  const file = await readFile(join(directory, name)).catch(ifGone(undefined));
  if (file === undefined) return "gone";
  const { count, bytes } = lookThrough(file);
  return { count, bytes: bytes.length };
}

async function lastFault(directory: string): Promise<OutboxState["fault"]> {
  try {
    const { fault, time } = JSON.parse(await readFile(join(directory, "status.json"), "utf8"));
    if (typeof fault !== "string" || typeof time !== "number") return undefined;
    const end = fault.indexOf(": ");
    return end < 0 ? { code: fault, detail: undefined, time } : { code: fault.slice(0, end), detail: fault.slice(end + 2), time };
  } catch {
    // Nobody has tried yet, or it is being written at this moment.
    return undefined;
  }
}

async function senderOf(directory: string): Promise<OutboxState["sender"]> {
  const names = await readdir(join(directory, "sender")).catch(ifGone([] as string[]));
  const latest = Math.max(0, ...names.filter((name) => /^\d{1,15}$/.test(name)).map(Number));
  if (latest === 0) return undefined;
  try {
    const path = join(directory, "sender", String(latest));
    const [text, { mtimeMs }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    const me = newOwner();
    // An empty one was released.
    const owner = text === "" ? undefined : (JSON.parse(text) as Owner);
    if (owner === undefined || !isAtWork(owner, me, mtimeMs)) return undefined;
    return { pid: owner.pid, host: owner.host === me.host ? hostname() : Buffer.from(owner.host, "hex").toString("utf8") };
  } catch {
    return undefined;
  }
}
