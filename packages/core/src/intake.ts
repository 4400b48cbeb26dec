import { cutEntries, type Entry, fitting } from "./batch.ts";
import { Counts } from "./counts.ts";
import { KmError, type Report } from "./errors.ts";
import { Gathering, type Put } from "./gathering.ts";
import type { Observe, OutboxLimits } from "./outbox.ts";
import type { OutboxStorage, Waiting } from "./storage.ts";

/** The way into an outbox: what is put is bounded, gathered, cut into entries and kept; and everything is counted. */
export class Intake {
  readonly counts: Counts = new Counts();
  /** Nothing more is taken. */
  closed = false;
  private readonly storage: OutboxStorage;
  private readonly limits: OutboxLimits;
  private readonly report: Report;
  private readonly observe: Observe | undefined;
  private readonly kept: () => void;
  private readonly gathering: Gathering;
  private readonly puts = new Set<Promise<unknown>>();

  /** @param kept is called when the storage has taken something */
  constructor(storage: OutboxStorage, limits: OutboxLimits, report: Report, observe: Observe | undefined, kept: () => void) {
    this.storage = storage;
    this.limits = limits;
    this.report = report;
    this.observe = observe;
    this.kept = kept;
    this.gathering = new Gathering(limits.gather, limits.batchCommands, (lines) => this.keep(lines));
  }

  put(lines: readonly string[]): Put {
    if (lines.length === 0) return Promise.resolve(undefined);
    const fits = this.closed ? 0 : fitting(lines, this.limits.maxBytes - this.storage.waiting().bytes - this.gathering.bytes);
    const room = this.limits.whole === true && fits < lines.length ? 0 : fits;
    this.counts.recorded += room;
    if (room === lines.length) return this.gathering.add(lines);
    const error = this.closed ? new KmError("KM_CLIENT_CLOSED") : new KmError("KM_OUTBOX_FULL", `${this.limits.maxBytes} bytes`);
    this.refuse(error, lines.length - room);
    return room === 0 ? Promise.resolve(error) : this.gathering.add(lines.slice(0, room)).then((other) => other ?? error);
  }

  /** Hands what is gathered to the storage. */
  end(): void {
    this.gathering.end();
  }

  /** Settles when the storage has taken (or refused) everything put so far. */
  async settled(): Promise<void> {
    this.gathering.end();
    await Promise.allSettled(this.puts);
  }

  /** What waits: kept, or about to be. */
  waiting(): Waiting {
    const waiting = this.storage.waiting();
    return { ...waiting, commands: waiting.commands + this.gathering.commands, bytes: waiting.bytes + this.gathering.bytes };
  }

  refuse(error: KmError, count: number): void {
    this.counts.recorded += count;
    this.count(error.code, count);
    this.report(error);
  }

  /** Count commands that were recorded already, and are not taken. */
  count(code: string, count: number): void {
    this.counts.refuse(code, count);
    this.observe?.({ type: "refused", code, count });
  }

  /** Cuts lines into entries no larger than a batch, and keeps them. */
  private keep(lines: readonly string[]): Put {
    const entries = cutEntries(lines, this.limits.batchCommands, this.limits.batchBytes);
    const keep = (entry: Entry) => this.storage.put(entry).then(undefined, (cause) => this.unwritable(entry, cause));
    const put = Promise.all(entries.map(keep)).then((errors) => {
      this.puts.delete(put);
      this.kept();
      return errors.find((error) => error !== undefined);
    });
    this.puts.add(put);
    return put;
  }

  private unwritable(entry: Entry, cause: unknown): KmError {
    const error = new KmError("KM_OUTBOX_UNWRITABLE", cause instanceof Error ? cause.message : String(cause), cause);
    this.counts.recorded -= entry.count;
    this.refuse(error, entry.count);
    return error;
  }
}
