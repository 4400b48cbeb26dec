import type { LeftOut } from "./admission.ts";
import { DirectKm } from "./directkm.ts";
import { KmError } from "./errors.ts";
import type { Km } from "./km.ts";
import type { Flushed, Outbox, OutboxStats } from "./outbox.ts";
import type { Reporter } from "./report.ts";
import { LOST, quietTimer } from "./timer.ts";

/** Counts of a client: those of its outbox, and how many requests were left out, by reason. */
export interface KmStats extends OutboxStats {
  readonly leftOut: Readonly<Partial<Record<LeftOut, number>>>;
}

/**
 * What `createKm(options)` makes: options, one outbox, one transport; one a process and product.
 *
 * @example
 * const client = createKm();
 * client.as("bob@bob.com").record("Invoice Paid", { Amount: 99.95 });
 * await client.close();
 */
export interface KmClient {
  /** The commands of somebody in a job, a webhook or a script. They are kept at the end of the tick. */
  as(identity: string): Km;
  /** Send what waits, and tell what came of it. Settles when all was taken, or after `deadlineMs` (default 5,000). */
  flush(deadlineMs?: number): Promise<Flushed>;
  /** {@link KmClient.flush}, then let go of the outbox; commands that come later are refused with `KM_CLIENT_CLOSED`. */
  close(deadlineMs?: number): Promise<Flushed>;
  stats(): KmStats;
}

/** Commands that wait for the end of a tick or a request before they go into the outbox. */
export interface Pending {
  /** The lines that are ready now; with `all`, every line, because the process ends. */
  take(all: boolean): string[];
}

/** How long a request's commands wait for its end, in ms: at the most twice this. */
const PATIENCE = 2500;
/** How long a platform is asked to wait for the collector, in ms. */
const SAFE = 10_000;
/** How many commands of jobs are put at once, without waiting for the end of the tick. */
const MOST_TICK = 250;
/** How many pairs of a client without cookies are remembered as tied. */
const MOST_TIES = 10_000;

/** The inside of a client: what requests and jobs of one process share. Adapters get it from `createKm`. */
export class Client implements KmClient {
  readonly outbox: Outbox;
  readonly reporter: Reporter;
  /** The secret that claims are made with. */
  readonly key: string;
  /** False in a recorder, where test programs are visitors. */
  readonly bots: boolean;
  /** What the `identity` option has said so far: names are seen, but no log out? */
  readonly said: { name: boolean; null: boolean } = { name: false, null: false };
  private readonly leftOut: Partial<Record<LeftOut, number>> = {};
  private readonly tied = new Map<string, string>();
  private readonly owed = new Map<string, string>();
  /** Those that wait since the last sweep, and those that did so before. */
  private pending = new Set<Pending>();
  private waiting = new Set<Pending>();
  /** When the next sweep is due. */
  private sweepAt = Number.NEGATIVE_INFINITY;
  /** What jobs have recorded in this tick. */
  private tick: string[] = [];
  private readonly endTick = () => this.putTick();

  constructor(outbox: Outbox, reporter: Reporter, key: string, bots = true) {
    this.outbox = outbox;
    this.reporter = reporter;
    this.key = key;
    this.bots = bots;
  }

  as(identity: string): Km {
    return new DirectKm(this, identity);
  }

  flush(deadlineMs?: number, atFault?: "retry" | "return"): Promise<Flushed> {
    this.putAll();
    return this.outbox.flush(deadlineMs, atFault);
  }

  close(deadlineMs?: number): Promise<Flushed> {
    this.putAll();
    return this.outbox.close(deadlineMs);
  }

  private putAll(): void {
    this.putTick();
    // A copy: a request that must still wait comes back into the list.
    for (const pending of [...this.waiting, ...this.pending]) this.put(pending);
  }

  /**
   * For a platform that stops the process when nothing holds it (`waitUntil`): settles when what was put so far cannot be lost, on disk or, from
   * memory, with the collector; after `deadlineMs` in any case.
   */
  safe(deadlineMs: number = SAFE): Promise<void> {
    this.putTick();
    return this.outbox.safe(deadlineMs);
  }

  stats(): KmStats {
    return { ...this.outbox.stats(), leftOut: { ...this.leftOut } };
  }

  /** Count a request that is left out. */
  leaveOut(reason: LeftOut): void {
    this.leftOut[reason] = (this.leftOut[reason] ?? 0) + 1;
    this.reporter.hint(`left out ${reason}`, () => new KmError("KM_LEFT_OUT", reason));
  }

  /** Remember that commands wait, so that they leave even if the request never ends. */
  watch(pending: Pending): void {
    this.pending.add(pending);
    if (performance.now() >= this.sweepAt + LOST) this.sweepLater();
  }

  private sweepLater(): void {
    this.sweepAt = performance.now() + PATIENCE;
    quietTimer(() => this.sweep(), PATIENCE);
  }

  /** Put a command of a job at the end of the tick, together with what else comes in it. */
  putLater(line: string): void {
    // Makes one text of the pieces while they are in the processor's cache: a seventh off the cost of a command.
    line.charCodeAt(0);
    this.tick.push(line);
    if (this.tick.length === 1) queueMicrotask(this.endTick);
    else if (this.tick.length >= MOST_TICK) this.putTick();
  }

  private putTick(): void {
    if (this.tick.length === 0) return;
    const lines = this.tick;
    this.tick = [];
    void this.outbox.put(lines);
  }

  /** Put what is ready into the outbox. */
  put(pending: Pending): void {
    if (!this.pending.delete(pending)) this.waiting.delete(pending);
    void this.outbox.put(pending.take(false));
  }

  /** Put everything into the outbox and make it safe at once: the process ends. */
  spill(): void {
    this.putTick();
    for (const pending of [...this.waiting, ...this.pending]) void this.outbox.put(pending.take(true));
    this.waiting.clear();
    this.pending.clear();
    this.outbox.spill();
  }

  private sweep(): void {
    this.sweepAt = Number.NEGATIVE_INFINITY;
    const old = this.waiting;
    this.waiting = this.pending;
    this.pending = new Set();
    for (const pending of old) this.put(pending);
    if (this.waiting.size > 0 && this.sweepAt < performance.now()) this.sweepLater();
  }

  /**
   * For clients without cookies: whether this anonymous identity is to be tied to the name now. False if it was tied already, or if it is
   * another's: then nothing is merged, and the app is told to make a new one at log out.
   */
  tie(anonymous: string, name: string): boolean {
    const known = this.tied.get(anonymous);
    if (known === name) return false;
    if (known !== undefined) {
      this.reporter.report(new KmError("KM_ALIAS_CLAIMED", "an anonymous identity given by the app; make a new one at log out"));
      return false;
    }
    remember(this.tied, anonymous, name);
    return true;
  }

  /** The answer that carried this claim was not finished, so the alias was not sent: it follows when the browser brings the claim back. */
  owe(anonymous: string, name: string): void {
    remember(this.owed, anonymous, name);
  }

  /** Whether an alias was still owed; from now on it is not. */
  settleDebt(anonymous: string, name: string): boolean {
    return this.owed.get(anonymous) === name && this.owed.delete(anonymous);
  }
}

function remember(pairs: Map<string, string>, anonymous: string, name: string): void {
  if (pairs.size >= MOST_TIES) pairs.delete(pairs.keys().next().value as string);
  pairs.set(anonymous, name);
}
