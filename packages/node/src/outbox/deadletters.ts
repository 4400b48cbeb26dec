import { appendFile, readdir, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { clientLimits, type DeadLetter } from "@kmkit/core";
import { ifGone, isLetters, LETTERS, outboxNames, TAKEN, takerOf } from "./directory.ts";
import { SegmentNames } from "./names.ts";
import { isAtWork, newOwner } from "./owner.ts";
import { Segment } from "./segment.ts";

/** How long a sender that has just opened the file may take to write to it, in ms. */
const WRITING = 100;

/**
 * The dead letters of an outbox directory, the oldest first: commands that the receiver refused for good. At most the last 2,000 are kept. Throws
 * `KM_OUTBOX_MISSING` where there is no outbox.
 *
 * @example
 * for (const { code, detail, line } of await deadLetters(".kmkit/outbox")) console.log(code, detail, JSON.parse(line).name);
 */
export async function deadLetters(directory: string): Promise<DeadLetter[]> {
  const names = (await outboxNames(directory)).filter(isLetters).sort();
  const files = await Promise.all(names.map((name) => readFile(join(directory, name), "utf8").catch(ifGone(""))));
  return files.flatMap((text) => read(text).letters).sort((a, b) => a.time - b.time);
}

/**
 * Makes the dead letters of an outbox directory wait again, and returns how many. A running process of the directory sends them within some seconds,
 * otherwise the next one that starts. Those that are refused again become dead letters again. Should it be interrupted, the letters are still there,
 * and some may be sent twice: they count once, since each has its id. Throws `KM_OUTBOX_MISSING`, and what the file system says.
 *
 * @example
 * await retryDeadLetters(".kmkit/outbox"); // 17
 */
export async function retryDeadLetters(directory: string): Promise<number> {
  return take(directory, async ({ letters, broken }, names) => {
    for (const lines of cut(letters)) {
      const data = Buffer.from(`${lines.join("\n")}\n`);
      await new Segment(directory, names.next(), true, { count: lines.length, bytes: data.length }, data).persist();
    }
    if (broken.length > 0) await appendFile(join(directory, "broken.ndjson"), `${broken.join("\n")}\n`, { mode: 0o600 });
  });
}

/**
 * Deletes the dead letters of an outbox directory, and returns how many there were. Those that come meanwhile stay. Throws `KM_OUTBOX_MISSING`, and
 * what the file system says.
 *
 * @example
 * await clearDeadLetters(".kmkit/outbox"); // 17
 */
export async function clearDeadLetters(directory: string): Promise<number> {
  return take(directory, async () => {});
}

interface Read {
  readonly letters: readonly DeadLetter[];
  /** Lines that are none: cut off by the death of a process. */
  readonly broken: readonly string[];
}

/**
 * Moves the letters out of the way of whoever sends, hands them over, and only then deletes them. What an earlier taker has left is taken, too.
 *
 * @param use is handed letters that were not handed to it before
 */
async function take(directory: string, use: (read: Read, names: SegmentNames) => Promise<void>): Promise<number> {
  const before = await outboxNames(directory);
  const me = newOwner();
  const names = new SegmentNames(me);
  if (before.includes(LETTERS)) {
    await rename(join(directory, LETTERS), join(directory, `${TAKEN}${names.open(names.next())}`)).catch(ifGone(undefined));
    // Whoever sends may have opened the file before it was moved, and write to it still.
    await setTimeout(WRITING);
  }
  let count = 0;
  for (const name of (await readdir(directory)).sort()) {
    const taker = takerOf(name);
    if (taker === undefined || (taker.owner.pid !== me.pid && isAtWork(taker.owner, me, taker.time))) continue;
    const path = join(directory, name);
    const load = () => readFile(path).catch(ifGone(Buffer.alloc(0)));
    // As long as something was written to it after all.
    for (let done = 0, file = await load(); done < file.length; file = await load()) {
      const found = read(file.subarray(done).toString("utf8"));
      await use(found, names);
      count += found.letters.length;
      done = file.length;
    }
    await unlink(path).catch(ifGone(undefined));
  }
  return count;
}

function read(text: string): Read {
  const letters: DeadLetter[] = [];
  const broken: string[] = [];
  for (const line of text.split("\n")) {
    const letter = line === "" ? undefined : parse(line);
    if (letter !== undefined) letters.push(letter);
    else if (line !== "") broken.push(line);
  }
  return { letters, broken };
}

function parse(text: string): DeadLetter | undefined {
  try {
    const { line, code, detail, time } = JSON.parse(text);
    const isLetter = typeof line === "string" && typeof code === "string" && typeof detail === "string" && typeof time === "number";
    return isLetter ? { line, code, detail, time } : undefined;
  } catch {
    return undefined;
  }
}

/** The lines of letters in parts no larger than a batch. */
function cut(letters: readonly DeadLetter[]): string[][] {
  const parts: string[][] = [];
  let bytes = 0;
  for (const { line } of letters) {
    const size = Buffer.byteLength(line) + 1;
    const last = parts.at(-1);
    if (last === undefined || last.length >= clientLimits.batchCommands || bytes + size > clientLimits.batchBytes) {
      parts.push([line]);
      bytes = size;
    } else {
      last.push(line);
      bytes += size;
    }
  }
  return parts;
}
