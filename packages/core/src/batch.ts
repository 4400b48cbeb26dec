import type { Command } from "./command.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const newline = 10;

/** Some lines as they wait in the outbox: NDJSON bytes (each line ended by a newline), serialised once and handed to disk and wire as they are. */
export interface Entry {
  readonly bytes: Uint8Array;
  /** How many lines. */
  readonly count: number;
}

/** How many lines are in some entries. */
export function countOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { count }) => sum + count, 0);
}

/** How many bytes they take up. */
export function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** An entry of these lines. */
export function entryOf(lines: readonly string[]): Entry {
  // The empty one makes join end the last line, too: what comes out is written once and not put together again.
  return { bytes: encoder.encode([...lines, ""].join("\n")), count: lines.length };
}

/** How many of the lines, the first ones, fit into so many bytes (by their UTF-16 units). */
export function fitting(lines: readonly string[], bytes: number): number {
  let left = bytes;
  let count = 0;
  for (const line of lines) {
    left -= line.length + 1;
    if (left < 0) break;
    count += 1;
  }
  return count;
}

/** Some lines as entries that are no larger than a batch (a single larger line makes an entry of its own). */
export function cutEntries(lines: readonly string[], commands: number, bytes: number): Entry[] {
  const out: Entry[] = [];
  let start = 0;
  let size = 0;
  let index = 0;
  for (const { length } of lines) {
    // In UTF-16 units, of which one is a byte at the least.
    if (index > start && (index - start >= commands || size + length + 1 > bytes)) {
      out.push(...halved(lines.slice(start, index), bytes));
      start = index;
      size = 0;
    }
    size += length + 1;
    index += 1;
  }
  if (start < lines.length) out.push(...halved(start === 0 ? lines : lines.slice(start), bytes));
  return out;
}

/** Lines whose characters take up more bytes than one each are cut once more. */
function halved(lines: readonly string[], bytes: number): Entry[] {
  const whole = entryOf(lines);
  if (lines.length === 1 || whole.bytes.length <= bytes) return [whole];
  const middle = lines.length >> 1;
  return [...halved(lines.slice(0, middle), bytes), ...halved(lines.slice(middle), bytes)];
}

/** The lines of an entry. */
function linesOf(entry: Entry): string[] {
  const text = decoder.decode(entry.bytes);
  return text.slice(0, text.charCodeAt(text.length - 1) === newline ? -1 : undefined).split("\n");
}

/**
 * What a transport carries: some commands, oldest first. Iterate it for commands; take `bytes` for NDJSON that needs no further work.
 *
 * @example
 * const transport: Transport = async (batch) => { for (const command of batch) await insert(command); return { type: "accepted" }; };
 */
export class Batch implements Iterable<Command> {
  /** How many commands. */
  readonly length: number;
  private readonly entries: readonly Entry[];

  constructor(entries: readonly Entry[]) {
    this.entries = entries;
    this.length = countOf(entries);
  }

  /** The batch as NDJSON, one line a command. They are those that wait in the outbox: do not write into them, nor transfer them. */
  get bytes(): Uint8Array<ArrayBuffer> {
    const [first] = this.entries;
    if (first !== undefined && this.entries.length === 1) return first.bytes as Uint8Array<ArrayBuffer>;
    const out = new Uint8Array(bytesOf(this.entries));
    let at = 0;
    for (const { bytes } of this.entries) {
      out.set(bytes, at);
      at += bytes.length;
    }
    return out;
  }

  /** The batch as JSON texts, one a command. */
  get lines(): string[] {
    return this.entries.flatMap(linesOf);
  }

  *[Symbol.iterator](): Iterator<Command> {
    for (const line of this.lines) yield JSON.parse(line) as Command;
  }
}
