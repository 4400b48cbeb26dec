import { close, closeSync, constants, ftruncate, open, openSync, writev, writevSync } from "node:fs";
import type { Entry } from "@kmkit/core";

interface Appended {
  readonly entry: Entry;
  readonly done: (error?: Error) => void;
}

/** Only the owner may read what visitors did. */
const MODE = 0o600;
/** Made if need be, and never cut: {@link Writer.spill} may have written to it while it was being opened. */
const FLAGS = constants.O_RDWR | constants.O_CREAT;

/**
 * A segment that is being written. What comes while a write is under way goes with the next one, so that a busy process writes as often as the disk
 * takes it and no oftener. It writes at positions of its own, not at the end: what a failed or interrupted write has left is written over.
 */
export class Writer {
  readonly stem: string;
  readonly path: string;
  /** When the first line came, by `performance.now()`. */
  readonly since: number = performance.now();
  /** Everything handed to it that has not failed. */
  entries: Entry[] = [];
  count = 0;
  bytes = 0;
  private readonly queue: Appended[] = [];
  private going: readonly Appended[] = [];
  private file: number | undefined;
  private position = 0;
  private idle: Promise<void> | undefined;
  private settle: () => void = () => {};

  constructor(stem: string, path: string) {
    this.stem = stem;
    this.path = path;
  }

  /** Whether all of it is written. */
  get isIdle(): boolean {
    return this.idle === undefined;
  }

  /** Settles when the entry is in the file, from where the death of the process cannot take it. */
  append(entry: Entry): Promise<void> {
    this.entries.push(entry);
    this.count += entry.count;
    this.bytes += entry.bytes.length;
    return new Promise((resolve, reject) => {
      this.queue.push({ entry, done: (error) => (error === undefined ? resolve() : reject(error)) });
      if (this.idle !== undefined) return;
      this.idle = new Promise((end) => {
        this.settle = end;
      });
      // Not within the app's own work, and together with what else comes in this turn.
      setImmediate(() => this.next());
    });
  }

  /** Settles when all of it is written (or has failed), and lets go of the file. */
  async finish(): Promise<void> {
    await this.idle;
    const { file } = this;
    this.file = undefined;
    if (file !== undefined) await new Promise<void>((resolve) => close(file, () => resolve()));
  }

  /** Writes what is not written yet before it returns: the process ends. */
  spill(): void {
    const rest = [...this.going, ...this.queue];
    if (rest.length === 0) return;
    const file = this.file ?? openSync(this.path, FLAGS, MODE);
    writevSync(
      file,
      rest.map(({ entry }) => entry.bytes),
      this.position,
    );
    if (this.file === undefined) closeSync(file);
  }

  private next(): void {
    if (this.queue.length === 0) {
      this.idle = undefined;
      return this.settle();
    }
    this.going = this.queue.splice(0);
    if (this.file !== undefined) return this.write(this.file);
    open(this.path, FLAGS, MODE, (error, file) => {
      if (error !== null) return this.end(error);
      this.file = file;
      this.write(file);
    });
  }

  private write(file: number): void {
    let chunks: readonly Uint8Array[] = this.going.map(({ entry }) => entry.bytes);
    let position = this.position;
    const more = (): void => {
      writev(file, chunks, position, (error, written) => {
        if (error !== null) return ftruncate(file, this.position, () => this.end(error));
        position += written;
        chunks = behind(chunks, written);
        if (chunks.length > 0) return more();
        this.position = position;
        this.end();
      });
    };
    more();
  }

  private end(error?: Error): void {
    const { going } = this;
    this.going = [];
    if (error !== undefined) {
      const failed = new Set(going.map(({ entry }) => entry));
      this.entries = this.entries.filter((entry) => !failed.has(entry));
      for (const { count, bytes } of failed) {
        this.count -= count;
        this.bytes -= bytes.length;
      }
    }
    for (const { done } of going) done(error);
    this.next();
  }
}

/** What is left of some chunks behind so many bytes: a disk that is nearly full takes a part. */
function behind(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  const out: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (skip >= chunk.length) skip -= chunk.length;
    else {
      out.push(chunk.subarray(skip));
      skip = 0;
    }
  }
  return out;
}
