import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DeadLetter, Entry, Held, OutboxStorage, Reporter, StorageWatcher, Waiting } from "@kmkit/core";
import { KmError, memoryStorage } from "@kmkit/core";
import { Lease } from "./lease.ts";
import { Letters } from "./letters.ts";
import { SegmentNames } from "./names.ts";
import { newOwner } from "./owner.ts";
import { Segment } from "./segment.ts";
import { Segments } from "./segments.ts";
import { Writers } from "./writers.ts";

/** How often to look for segments of other processes, in ms. */
const LOOK_AROUND = 1000;
/** How long the lease is kept while nothing is to be sent, in ms. */
const IDLE = 1000;

/** How much goes into a file, and what becomes of commands while the disk takes nothing. */
export interface FileLimits {
  /** Most commands of a file: those of a batch. */
  readonly batchCommands: number;
  readonly batchBytes: number;
  /** How many bytes may wait in memory while the disk is full; beyond that (0: at once) commands are refused. */
  readonly spare: number;
}

/**
 * Keeps entries in files of lines (NDJSON), none larger than a batch. An entry is in its file, where the death of the process cannot take it, some
 * tenths of a millisecond after `put`, and on the disk itself when the system writes its cache, some seconds later. Several processes may share a
 * directory. It is made at the first put, or read soon if it exists, since an earlier process may have left something. Where it cannot be made the
 * memory takes over and says so.
 *
 * Files, and no database: each process appends to a file of its own and waits for no other one; of a file that is cut off or written over only the
 * broken lines are lost; nothing native must be installed. And it is cheap: 45 µs of CPU a write of 10 KB, where a commit of lmdb took 230.
 *
 * @example
 * createOutbox(fileStorage(".kmkit/outbox", reporter, { ...clientLimits, spare: 0 }), transport, clientLimits, reporter.report);
 */
export function fileStorage(directory: string, reporter: Reporter, limits: FileLimits): OutboxStorage {
  return new FileStorage(directory, reporter, limits);
}

class FileStorage implements OutboxStorage {
  private readonly directory: string;
  private readonly reporter: Reporter;
  private readonly limits: FileLimits;
  private readonly names: SegmentNames;
  private readonly sender: Lease;
  private readonly letters: Letters;
  private readonly segments: Segments;
  private readonly writers: Writers;
  private memory: OutboxStorage | undefined;
  private first: Promise<void> | undefined;
  private looks: Promise<void> | undefined;
  private looking: NodeJS.Timeout | undefined;
  private idleSince = 0;
  private closed = false;
  private full = false;
  private watcher: StorageWatcher = { found: () => {}, lost: () => {} };

  constructor(directory: string, reporter: Reporter, limits: FileLimits) {
    this.directory = directory;
    this.reporter = reporter;
    this.limits = limits;
    const me = newOwner();
    this.names = new SegmentNames(me);
    this.sender = new Lease(directory, me);
    this.letters = new Letters(directory);
    this.segments = new Segments(directory, me, limits.batchBytes, (count, detail) =>
      this.watcher.lost(count, new KmError("KM_OUTBOX_BROKEN", `${directory}: ${detail}`)),
    );
    this.writers = new Writers(directory, this.names, limits, (segment) => this.segments.add(segment));
    // Not before the process comes to rest after its start.
    setImmediate(() => existsSync(directory) && this.open());
  }

  get durable(): boolean {
    return this.memory === undefined && this.segments.unwritten.size === 0;
  }

  watch(watcher: StorageWatcher): void {
    this.watcher = watcher;
  }

  async put(entry: Entry): Promise<void> {
    if (!this.open()) return this.memory?.put(entry);
    try {
      await this.writers.append(entry);
      this.full = false;
    } catch (cause) {
      await this.unwritten(entry, cause);
    }
  }

  spill(): void {
    this.writers.spill();
    for (const segment of this.segments.unwritten) segment.persistSync();
  }

  async ready(): Promise<void> {
    if (this.first === undefined && existsSync(this.directory)) this.open();
    await this.first;
  }

  async head(commands: number, bytes: number): Promise<readonly Held[]> {
    if (!this.open()) return this.memory?.head(commands, bytes) ?? [];
    await this.first;
    if (this.segments.commands === 0) await this.writers.seal();
    return this.segments.head(commands, bytes);
  }

  remove(entries: readonly Held[]): Promise<void> {
    return (this.memory ?? this.segments).remove(entries);
  }

  async setAside(letters: readonly DeadLetter[]): Promise<void> {
    await (this.memory === undefined ? this.letters.add(letters) : this.memory.setAside(letters));
  }

  waiting(): Waiting {
    if (this.memory !== undefined) return this.memory.waiting();
    const { commands, bytes, found, handed } = this.segments;
    const written = this.writers.waiting;
    return { commands: commands + written.commands, bytes: bytes + written.bytes, found, handed };
  }

  async lease(): Promise<boolean> {
    if (!this.open()) return true;
    this.idleSince = Number.POSITIVE_INFINITY;
    const held = this.sender.holds;
    const holds = await this.sender.take();
    // Whoever sends takes complete segments, and whoever has come to send looks what the one before has left.
    if (!holds) await this.writers.seal();
    else if (!held) await this.look();
    return holds;
  }

  async release(): Promise<void> {
    this.segments.landed();
    this.idleSince = performance.now();
  }

  note(fault: string | undefined): void {
    if (this.memory === undefined && this.first !== undefined) {
      writeFile(this.path("status.json"), `${JSON.stringify({ fault: fault ?? null, time: Date.now() })}\n`, { mode: 0o600 }).catch(
        () => {},
      );
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.looking);
    this.closed = true;
    if (this.first === undefined) return;
    await this.first;
    await this.writers.seal();
    await this.sender.release();
  }

  private path(name: string): string {
    // The comment keeps Turbopack from taking the whole project for files of the server.
    return join(/* turbopackIgnore: true */ this.directory, name);
  }

  /** False where the memory has taken over. */
  private open(): boolean {
    if (this.first !== undefined || this.memory !== undefined) return this.memory === undefined;
    try {
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      // So that nobody commits what visitors did.
      writeFileSync(this.path(".gitignore"), "*\n");
    } catch (cause) {
      // A full disk will have room again; a directory that cannot be written stays so.
      if ((cause as NodeJS.ErrnoException).code !== "ENOSPC") return this.fallBack(cause);
    }
    this.first = this.look().then(() => {
      if (this.segments.commands > 0) this.watcher.found();
    });
    this.lookLater(LOOK_AROUND);
    return true;
  }

  private fallBack(cause: unknown): false {
    this.memory = memoryStorage();
    this.reporter.report(new KmError("KM_OUTBOX_MEMORY", `${this.directory}: ${cause instanceof Error ? cause.message : cause}`, cause));
    return false;
  }

  /** The disk has not taken an entry: it waits in memory, if there is room for it. */
  private async unwritten(entry: Entry, cause: unknown): Promise<void> {
    const waits = [...this.segments.unwritten].reduce((sum, { bytes }) => sum + bytes, entry.bytes.length);
    if (waits > this.limits.spare) throw cause;
    this.segments.add(new Segment(this.directory, this.names.next(), true, { count: entry.count, bytes: entry.bytes.length }, entry.bytes));
    if (!this.full)
      this.reporter.report(new KmError("KM_OUTBOX_UNWRITABLE", cause instanceof Error ? cause.message : String(cause), cause));
    this.full = true;
  }

  /** Looks for what other processes have left, and whether all that is ours is there. One look at a time. */
  private look(): Promise<void> {
    this.looks ??= this.lookNow().finally(() => {
      this.looks = undefined;
    });
    return this.looks;
  }

  private async lookNow(): Promise<void> {
    const since = performance.now();
    try {
      const names = await readdir(this.directory).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code !== "ENOENT") throw cause;
        return mkdir(this.directory, { recursive: true, mode: 0o700 }).then((): string[] => []);
      });
      await this.segments.look(names, since, !(await this.sender.hasPassed(since)));
      await this.writers.look(names, since);
      if (this.sender.holds) await this.sender.take();
      await this.segments.persist();
      if (since - this.idleSince > IDLE) await this.sender.release();
    } catch {
      // Not to be read now: next time.
    }
  }

  private lookLater(ms: number): void {
    if (this.closed) return;
    this.looking = setTimeout(async () => {
      const start = performance.now();
      await this.look();
      if (this.segments.commands > 0) this.watcher.found();
      // A large directory takes its time, most of it in another thread: never more than a tenth of ours.
      this.lookLater(Math.max(LOOK_AROUND, 10 * (performance.now() - start)));
    }, ms).unref();
  }
}
