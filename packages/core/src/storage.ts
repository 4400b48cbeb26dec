import type { Entry } from "./batch.ts";
import type { KmError } from "./errors.ts";

/** An entry as it waits, with the key by which it is removed. */
export interface Held extends Entry {
  readonly key: unknown;
}

/** A line that the receiver refused for good, kept to be looked at. */
export interface DeadLetter {
  readonly line: string;
  readonly code: string;
  readonly detail: string;
  /** ms since the epoch. */
  readonly time: number;
}

/** What is told of a storage that others write to as well. */
export interface StorageWatcher {
  /** Entries wait that were not put here: left by an earlier process, or by another one. */
  found(): void;
  /** So many commands were kept and cannot be read any more. */
  lost(count: number, error: KmError): void;
}

/** What waits in a storage. */
export interface Waiting {
  readonly commands: number;
  readonly bytes: number;
  /** Commands that were not put here and wait here, or were sent from here. */
  readonly found: number;
  /** Commands that were put here, and that another process has sent. */
  readonly handed: number;
}

/** Where an outbox keeps what waits. Core has one in memory, `@kmkit/node` one on disk; the policy above it is the same ({@link Outbox}). */
export interface OutboxStorage {
  /** Whether entries survive the death of the process. */
  readonly durable: boolean;
  /** Keep an entry. Settles when it is as safe as this storage makes it. */
  put(entry: Entry): Promise<void>;
  /** Make everything put so far safe at once: the process ends. */
  spill(): void;
  /** Tell this watcher what befalls the storage from outside. */
  watch(watcher: StorageWatcher): void;
  /** Settles when what earlier processes have left is counted in {@link OutboxStorage.waiting}. */
  ready(): Promise<void>;
  /** The oldest entries, at least one if any waits, otherwise no more than fits both bounds. */
  head(commands: number, bytes: number): Promise<readonly Held[]>;
  /** These were taken: {@link OutboxStorage.waiting} counts them no more when this returns. */
  remove(entries: readonly Held[]): Promise<void>;
  setAside(letters: readonly DeadLetter[]): Promise<void>;
  /** What waits here, put by any process, as far as known. */
  waiting(): Waiting;
  /** Become the one sender among the processes that share this storage; false while another one is. */
  lease(): Promise<boolean>;
  /** Let another process send. */
  release(): Promise<void>;
  /** Write down the fault of delivery, or that it is over, for whoever looks at the storage from outside. */
  note(fault: string | undefined): void;
  close(): Promise<void>;
}

/** How many dead letters the memory keeps. */
const MOST_LETTERS = 1000;

/** Keeps entries in the memory of this process: for edge and serverless, and where no directory can be written. */
export function memoryStorage(): OutboxStorage {
  const held = new Map<number, Held>();
  const letters: DeadLetter[] = [];
  let next = 0;
  let commands = 0;
  let bytes = 0;
  return {
    durable: false,
    put: async (entry) => {
      held.set(next, { ...entry, key: next });
      next += 1;
      commands += entry.count;
      bytes += entry.bytes.length;
    },
    spill: () => {},
    watch: () => {},
    ready: async () => {},
    head: async (most, size) => takeHead(held.values(), most, size),
    remove: async (entries) => {
      for (const { key, count, bytes: gone } of entries) {
        if (!held.delete(key as number)) continue;
        commands -= count;
        bytes -= gone.length;
      }
    },
    setAside: async (more) => {
      letters.push(...more);
      letters.splice(0, letters.length - MOST_LETTERS);
    },
    waiting: () => ({ commands, bytes, found: 0, handed: 0 }),
    lease: async () => true,
    release: async () => {},
    note: () => {},
    close: async () => {},
  };
}

/** The first entries that fit both bounds, at least one. */
function takeHead(entries: Iterable<Held>, commands: number, bytes: number): Held[] {
  const out: Held[] = [];
  let count = 0;
  let size = 0;
  for (const entry of entries) {
    if (out.length > 0 && (count + entry.count > commands || size + entry.bytes.length > bytes)) break;
    out.push(entry);
    count += entry.count;
    size += entry.bytes.length;
    if (count >= commands || size >= bytes) break;
  }
  return out;
}
