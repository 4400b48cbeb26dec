import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type DeadLetter, type Entry, type Held, KmError, memoryStorage, type OutboxStorage, type Reporter, takeHead } from "@kmkit/core";
import type { Database, RootDatabase } from "lmdb";
import { countOf, KeyMaker, sizeOf } from "./key.ts";
import { Lease } from "./lease.ts";
import { isSound } from "./soundness.ts";

/** How often to look for entries of other processes, in ms. */
const LOOK_AROUND = 2000;
/** How many dead letters are kept. */
const MOST_LETTERS = 1000;
/** How many entries are read at a time to fill a batch. */
const PAGE = 256;

interface Opened {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly entries: Database<Buffer, Buffer>;
  readonly letters: Database<DeadLetter, Buffer>;
  readonly lease: Lease;
}

/**
 * Keeps entries in an lmdb file: an entry is safe from the death of the process some tenths of a millisecond after `put`, and from the death of
 * the machine a little later. Several processes may share a directory; it is made at the first put, or opened soon if it exists already, since an
 * earlier process may have left something. Where the directory cannot be written, or lmdb not be loaded, the memory takes over and says so.
 */
export function lmdbStorage(directory: string, reporter: Reporter): OutboxStorage {
  return new LmdbStorage(directory, reporter);
}

class LmdbStorage implements OutboxStorage {
  private readonly directory: string;
  private readonly reporter: Reporter;
  private readonly makeKey = new KeyMaker();
  /** Put but not known to be committed. */
  private readonly unsafe = new Map<Buffer, Entry>();
  private loading: Promise<typeof import("lmdb") | undefined> | undefined;
  private opening: Promise<Opened | undefined> | undefined;
  private opened: Opened | undefined;
  private memory: OutboxStorage | undefined;
  private onFound: () => void = () => {};
  private commands = 0;
  private bytes = 0;
  private count = 0;
  private looking: NodeJS.Timeout | undefined;

  constructor(directory: string, reporter: Reporter) {
    this.directory = directory;
    this.reporter = reporter;
    // Loading costs some 25 ms: when the process comes to rest after its start, and not in the first request.
    setImmediate(() => void (existsSync(this.path("data.mdb")) ? this.open() : this.load()));
  }

  get durable(): boolean {
    return this.memory === undefined;
  }

  async put(entry: Entry): Promise<void> {
    if (this.memory !== undefined) return this.memory.put(entry);
    const key = this.makeKey.next(entry);
    this.unsafe.set(key, entry);
    this.add(entry, 1);
    try {
      const opened = this.opened ?? (await this.open());
      if (opened === undefined) {
        this.add(entry, -1);
        return await (this.memory as OutboxStorage | undefined)?.put(entry);
      }
      await opened.entries.put(key, entry.bytes as Buffer);
    } catch (cause) {
      this.add(entry, -1);
      throw cause;
    } finally {
      this.unsafe.delete(key);
    }
  }

  spill(): void {
    if (this.unsafe.size === 0 || this.memory !== undefined) return;
    const opened = this.opened ?? this.openInHaste();
    opened?.root.transactionSync(() => {
      for (const [key, entry] of this.unsafe) opened.entries.putSync(key, entry.bytes as Buffer);
    });
    this.unsafe.clear();
  }

  found(work: () => void): void {
    this.onFound = work;
  }

  async head(commands: number, bytes: number): Promise<readonly Held[]> {
    const opened = await this.open();
    if (opened === undefined) return this.memory?.head(commands, bytes) ?? [];
    const held = takeHead(read(opened.entries), commands, bytes);
    if (held.length === 0) this.recount(opened);
    return held;
  }

  async remove(entries: readonly Held[]): Promise<void> {
    const opened = await this.open();
    if (opened === undefined) return this.memory?.remove(entries);
    await Promise.all(entries.map(({ key }) => opened.entries.remove(key as Buffer)));
    for (const entry of entries) this.add(entry, -1);
    if (this.count < 0 || this.commands < 0) this.recount(opened);
  }

  async setAside(letters: readonly DeadLetter[]): Promise<void> {
    const opened = await this.open();
    if (opened === undefined) return this.memory?.setAside(letters);
    await Promise.all(letters.map((letter) => opened.letters.put(this.makeKey.next({ count: 1, bytes: { length: 0 } }), letter)));
    const surplus = (opened.letters.getStats() as { entryCount: number }).entryCount - MOST_LETTERS;
    if (surplus > 0) await Promise.all([...opened.letters.getKeys({ limit: surplus })].map((key) => opened.letters.remove(key)));
  }

  waiting(): { commands: number; bytes: number } {
    return this.memory?.waiting() ?? { commands: this.commands, bytes: this.bytes };
  }

  async lease(): Promise<boolean> {
    const opened = await this.open();
    return opened === undefined || opened.lease.take();
  }

  async release(): Promise<void> {
    await this.opened?.lease.release();
  }

  async close(): Promise<void> {
    clearTimeout(this.looking);
    const opened = await this.opening;
    await opened?.root.close();
  }

  private path(name: string): string {
    // The comment keeps Turbopack from taking the whole project for files of the server.
    return join(/* turbopackIgnore: true */ this.directory, name);
  }

  private open(): Promise<Opened | undefined> {
    this.opening ??= this.load().then((lmdb) => lmdb && this.openNow(lmdb));
    return this.opening;
  }

  /** Undefined where it cannot be had: what bundlers copy to a server may lack its native part. */
  private load(): Promise<typeof import("lmdb") | undefined> {
    this.loading ??= import("lmdb").catch((cause) => this.fallBack(cause));
    return this.loading;
  }

  private openInHaste(): Opened | undefined {
    try {
      return this.openNow(createRequire(import.meta.url)("lmdb"));
    } catch (cause) {
      return this.fallBack(cause);
    }
  }

  private openNow(lmdb: typeof import("lmdb")): Opened | undefined {
    if (this.opened !== undefined || this.memory !== undefined) return this.opened;
    try {
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      // So that nobody commits what visitors did.
      writeFileSync(this.path(".gitignore"), "*\n");
      this.opened = this.openFile(lmdb);
      // Other users of the machine have no business with what visitors did.
      for (const name of ["data.mdb", "lock.mdb"]) chmodSync(this.path(name), 0o600);
    } catch (cause) {
      return this.fallBack(cause);
    }
    this.recount(this.opened);
    this.lookLater(LOOK_AROUND);
    if (this.commands > 0) this.onFound();
    return this.opened;
  }

  private fallBack(cause: unknown): undefined {
    if (this.memory !== undefined) return;
    this.memory = memoryStorage();
    this.reporter.report(new KmError("KM_OUTBOX_MEMORY", `${this.directory}: ${cause instanceof Error ? cause.message : cause}`, cause));
  }

  private openFile(lmdb: typeof import("lmdb")): Opened {
    const open = () =>
      lmdb.open<Buffer, Buffer>({ path: this.directory, encoding: "binary", keyEncoding: "binary", maxDbs: 3, noSubdir: false });
    const file = this.path("data.mdb");
    if (existsSync(file) && !isSound(file)) {
      const aside = `${file}.broken-${Date.now()}`;
      renameSync(file, aside);
      this.reporter.report(new KmError("KM_OUTBOX_BROKEN", aside));
    }
    const root = open();
    return {
      root,
      entries: root.openDB<Buffer, Buffer>("entries", { encoding: "binary", keyEncoding: "binary" }),
      letters: root.openDB<DeadLetter, Buffer>("letters", { encoding: "json", keyEncoding: "binary" }),
      lease: new Lease(root.openDB("sender", { encoding: "json", useVersions: true })),
    };
  }

  private add(entry: { count: number; bytes: { length: number } }, sign: 1 | -1): void {
    this.count += sign;
    this.commands += sign * entry.count;
    this.bytes += sign * entry.bytes.length;
  }

  /** What waits in the file and what is on its way there. The keys alone tell. */
  private recount(opened: Opened): void {
    this.count = 0;
    this.commands = 0;
    this.bytes = 0;
    for (const key of opened.entries.getKeys({ snapshot: false })) this.add({ count: countOf(key), bytes: { length: sizeOf(key) } }, 1);
    for (const entry of this.unsafe.values()) this.add(entry, 1);
  }

  private lookLater(ms: number): void {
    this.looking = setTimeout(() => this.lookAround(), ms).unref();
  }

  /** Another process may have died and left entries here. */
  private lookAround(): void {
    const start = performance.now();
    if (this.opened !== undefined && this.unsafe.size === 0) {
      if ((this.opened.entries.getStats() as { entryCount: number }).entryCount !== this.count) {
        this.recount(this.opened);
        if (this.commands > 0) this.onFound();
      }
    }
    // Counting a large backlog takes its time: never more than a hundredth of ours.
    this.lookLater(Math.max(LOOK_AROUND, 100 * (performance.now() - start)));
  }
}

/** The entries in the order of their keys, read in pages so that no read transaction stays open. */
function* read(entries: Database<Buffer, Buffer>): Generator<Held> {
  let start: Buffer | undefined;
  for (;;) {
    const page = [...entries.getRange({ ...(start === undefined ? {} : { start, exclusiveStart: true }), limit: PAGE })];
    for (const { key, value } of page) yield { key, bytes: value, count: countOf(key) };
    start = page.at(-1)?.key;
    if (page.length < PAGE || start === undefined) return;
  }
}
