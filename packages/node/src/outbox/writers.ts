import { rename, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Entry } from "@kmkit/core";
import type { SegmentNames } from "./names.ts";
import { Segment } from "./segment.ts";
import { Writer } from "./writer.ts";

/** How long a segment stays open at the most, in ms: one that is much older has lost its owner. */
const MOST_OPEN = 20_000;

/** The segments that this storage writes: one at a time is open, and those before it are being sealed. */
export class Writers {
  private readonly directory: string;
  private readonly names: SegmentNames;
  private readonly limits: { readonly batchCommands: number; readonly batchBytes: number };
  private readonly sealed: (segment: Segment) => void;
  private current: Writer | undefined;
  /** Those whose lines are in no segment yet. */
  private readonly all = new Set<Writer>();
  private sealing: Promise<void> = Promise.resolve();

  /** @param sealed takes each segment when it is complete */
  constructor(directory: string, names: SegmentNames, limits: Writers["limits"], sealed: (segment: Segment) => void) {
    this.directory = directory;
    this.names = names;
    this.limits = limits;
    this.sealed = sealed;
  }

  /** How many lines are in them, and their bytes. */
  get waiting(): { commands: number; bytes: number } {
    let commands = 0;
    let bytes = 0;
    for (const writer of this.all) {
      commands += writer.count;
      bytes += writer.bytes;
    }
    return { commands, bytes };
  }

  /** Settles when the entry is in its file. */
  append(entry: Entry): Promise<void> {
    const { batchCommands, batchBytes } = this.limits;
    const { current } = this;
    if (current !== undefined && (current.count + entry.count > batchCommands || current.bytes + entry.bytes.length > batchBytes))
      this.seal();
    if (this.current === undefined) {
      const stem = this.names.next();
      this.current = new Writer(stem, this.path(this.names.open(stem)));
      this.all.add(this.current);
    }
    return this.current.append(entry);
  }

  /** Completes the open segment; settles when all are complete. */
  seal(): Promise<void> {
    const { current } = this;
    if (current === undefined) return this.sealing;
    this.current = undefined;
    this.sealing = this.sealing.then(() => this.complete(current));
    return this.sealing;
  }

  /** Writes what is not written yet before it returns. */
  spill(): void {
    for (const writer of this.all) writer.spill();
  }

  /** Seals the open segment if it is old, or if it is not in this listing of the directory, begun at `since`; otherwise shows that its owner lives. */
  async look(names: readonly string[], since: number): Promise<void> {
    const { current } = this;
    if (current === undefined || current.count === 0) return;
    const name = this.names.open(current.stem);
    const deleted = current.isIdle && current.since < since && !names.includes(name);
    if (deleted || since - current.since > MOST_OPEN) return this.seal();
    const now = new Date();
    await utimes(this.path(name), now, now).catch(() => {});
  }

  private async complete(writer: Writer): Promise<void> {
    await writer.finish();
    const { stem, count, bytes, entries } = writer;
    const data = entries.length === 1 ? entries[0]?.bytes : Buffer.concat(entries.map((entry) => entry.bytes));
    const segment = new Segment(this.directory, stem, true, { count, bytes }, data);
    const name = count === 0 ? "" : segment.newName;
    const done = count === 0 ? unlink(writer.path) : rename(writer.path, this.path(name)).then(() => segment.isAt(name));
    // Where that fails (somebody has deleted the file) it is written anew from memory.
    await done.catch(() => {});
    this.all.delete(writer);
    if (count > 0) this.sealed(segment);
  }

  private path(name: string): string {
    return join(/* turbopackIgnore: true */ this.directory, name);
  }
}
