import type { Batch } from "./batch.ts";
import type { KmError, Report } from "./errors.ts";
import type { Verdict } from "./verdict.ts";

/**
 * Carries a batch somewhere and says what became of it. What it throws counts as a passing fault. `signal` aborts when its time is over. `report`
 * takes what the app should know beyond the verdict.
 */
export type Transport = (batch: Batch, signal: AbortSignal, report?: Report) => Promise<Verdict>;

/** What a flush came to, counted from its call: `kept` is what still waits, also because the deadline passed. */
export interface Flushed {
  readonly sent: number;
  readonly kept: number;
  readonly dropped: number;
}

/** Counts of commands. To the last one: `recorded + found = sent + handed + kept + refused`. */
export interface OutboxStats {
  /** Handed to this outbox. */
  readonly recorded: number;
  /** Found waiting in the directory: left by an earlier process, or put by another one. */
  readonly found: number;
  /** Taken by the receiver. */
  readonly sent: number;
  /** Recorded here, and sent by another process that shares the directory. */
  readonly handed: number;
  /** Waiting. */
  readonly kept: number;
  /** Bytes that wait. */
  readonly keptBytes: number;
  /** Not taken, by code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Whether what waits survives the death of the process. */
  readonly durable: boolean;
  /** The last fault of delivery, if it is not over. */
  readonly fault: string | undefined;
}

/** The only place where a command waits: bounded, batched, retried, and durable if its storage is. */
export interface Outbox {
  /** Whether what waits survives the death of the process. */
  readonly durable: boolean;
  /** Keep these lines (a command each, as JSON). Settles when they are safe, or with the error for which they were refused; never rejects. */
  put(lines: readonly string[]): Promise<KmError | undefined>;
  /** Make everything put so far safe at once: the process ends. */
  spill(): void;
  /** Count commands that could not be kept, and why. */
  refuse(error: KmError, count: number): void;
  /**
   * Send what waits; settles when all of it was taken, or after `deadlineMs` (default 5,000). `atFault`: whether to try again when a try fails
   * (default), or to return, since what waits is safe.
   */
  flush(deadlineMs?: number, atFault?: "retry" | "return"): Promise<Flushed>;
  /** Settles when what was put so far cannot be lost: on disk, or (in memory) taken by the receiver; after `deadlineMs` in any case. Hurries nothing. */
  safe(deadlineMs: number): Promise<void>;
  /** {@link Outbox.flush}, then let go of the storage. */
  close(deadlineMs?: number): Promise<Flushed>;
  stats(): OutboxStats;
}

/** What an outbox tells of its work while it does it. */
export type OutboxEvent =
  /** A batch was taken: how many commands of it, the bytes of its lines, and how long that took, in ms. */
  | { readonly type: "sent"; readonly commands: number; readonly bytes: number; readonly ms: number }
  /** A try has failed, and there will be another one. */
  | { readonly type: "fault"; readonly code: string; readonly detail: string | undefined }
  /** Commands were refused, by the outbox or by the receiver. */
  | { readonly type: "refused"; readonly code: string; readonly count: number };

/** Takes what an outbox tells. It must not throw. */
export type Observe = (event: OutboxEvent) => void;

/** The policy of an outbox. Sizes are those of the strings that are sent. */
export interface OutboxLimits {
  /** Most bytes that may wait; beyond it the newest are refused. */
  readonly maxBytes: number;
  /** Most commands in a batch. */
  readonly batchCommands: number;
  /** Most bytes in a batch. */
  readonly batchBytes: number;
  /** How long the lines of one request wait for those of others before they are kept together, in ms. 0: not at all. */
  readonly gather: number;
  /** Lines that are put together are kept all or none: whoever put them sends them again. Default: as many as there is room for. */
  readonly whole?: boolean;
  /** How long the first command of a batch waits for company, in ms. */
  readonly linger: number;
  /** Send at once after a quiet time instead of lingering. */
  readonly eager?: boolean;
  /** How long a transport may take, in ms. */
  readonly timeout: number;
  /** After how long without a success a batch is searched for commands that are never taken, in ms. Default: never. */
  readonly patience?: number;
}

/** A client's limits: a batch is 500 commands, 256 KB or 100 ms; what is put is on its way to the disk within 10 ms. */
export const clientLimits: OutboxLimits = {
  maxBytes: 256 << 20,
  batchCommands: 500,
  batchBytes: 256 << 10,
  gather: 10,
  linger: 100,
  timeout: 10_000,
  patience: 300_000,
};
