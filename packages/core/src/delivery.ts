import { bytesOf, countOf } from "./batch.ts";
import { carry } from "./carriage.ts";
import { KmError, type Report } from "./errors.ts";
import type { Put } from "./gathering.ts";
import { Intake } from "./intake.ts";
import { Isolation } from "./isolation.ts";
import type { Flushed, Observe, Outbox, OutboxLimits, OutboxStats, Transport } from "./outbox.ts";
import { Progress } from "./progress.ts";
import type { DeadLetter, OutboxStorage } from "./storage.ts";
import { Alarm, LOST, within } from "./timer.ts";
import { backoff, type Verdict } from "./verdict.ts";

/**
 * Most commands of the first try, and of a try after a fault: a receiver that is getting up is not thrown down by it, and where replies are lost
 * little is copied.
 */
const PROBE = 20;
/** How soon to look again while another process sends, in ms. */
const OTHER_SENDS = 200;

/** Makes an outbox over a storage. All waiting, batching and retrying of kmkit is in here and nowhere else. `observe` is told of its work. */
export function createOutbox(
  storage: OutboxStorage,
  transport: Transport,
  limits: OutboxLimits,
  report: Report,
  observe?: Observe,
): Outbox {
  return new DeliveringOutbox(storage, transport, limits, report, observe);
}

class DeliveringOutbox implements Outbox {
  private readonly storage: OutboxStorage;
  private readonly transport: Transport;
  private readonly limits: OutboxLimits;
  private readonly report: Report;
  private readonly observe: Observe | undefined;
  /** Sent or set aside. */
  private done = 0;
  /** How much must be done for those who wait in flush, and those who wait. */
  private goal = 0;
  private readonly progress = new Progress();
  private readonly intake: Intake;
  private fault: string | undefined;
  private failures = 0;
  private readonly isolation: Isolation;
  private ended: Promise<Flushed> | undefined;
  private readonly closing = new AbortController();
  private running: Promise<void> | undefined;
  private readonly alarm = new Alarm(() => void this.run());
  private notBefore = 0;
  private quietSince = 0;
  /** Whether another process sends. */
  private elsewhere = false;

  constructor(storage: OutboxStorage, transport: Transport, limits: OutboxLimits, report: Report, observe?: Observe) {
    this.observe = observe;
    this.storage = storage;
    this.transport = transport;
    this.limits = limits;
    this.report = report;
    this.isolation = new Isolation(limits.patience);
    this.intake = new Intake(storage, limits, report, observe, () => this.kept());
    storage.watch({
      found: () => this.wake(0),
      lost: (count, error) => {
        if (count > 0) this.intake.count(error.code, count);
        this.report(error);
      },
    });
  }

  get durable(): boolean {
    return this.storage.durable;
  }

  put(lines: readonly string[]): Put {
    return this.intake.put(lines);
  }

  refuse(error: KmError, count: number): void {
    this.intake.refuse(error, count);
  }

  spill(): void {
    this.intake.end();
    this.storage.spill();
  }

  /** The storage has taken something. */
  private kept(): void {
    const { batchCommands, batchBytes, eager, linger } = this.limits;
    const { commands, bytes } = this.storage.waiting();
    const full = commands >= batchCommands || bytes >= batchBytes;
    const quiet = eager === true && this.running === undefined && performance.now() - this.quietSince > linger;
    this.wake(full || quiet ? 0 : linger);
  }

  /** Run in `ms` at the latest, but not before a pause that the receiver or our backoff asks for is over. */
  private wake(ms: number): void {
    if (this.running !== undefined || this.intake.closed) return;
    this.alarm.set(Math.max(performance.now() + ms, this.notBefore));
  }

  /** One sender at a time: sends what waits once, and goes on as long as there are full batches or somebody waits in flush. */
  private run(): Promise<void> {
    this.alarm.clear();
    this.running ??= this.send()
      .catch((cause) => this.pause({ type: "retry", code: "KM_COLLECTOR_UNREACHABLE", detail: String(cause) }))
      .finally(() => {
        this.running = undefined;
        this.quietSince = performance.now();
        if (this.storage.waiting().commands > 0) this.wake(this.limits.linger);
      });
    return this.running;
  }

  private async send(): Promise<void> {
    try {
      for (let first = true, probing = false; ; first = false) {
        this.elsewhere = !(await this.storage.lease());
        if (this.elsewhere) {
          this.notBefore = performance.now() + OTHER_SENDS;
          return;
        }
        const { batchCommands, batchBytes } = this.limits;
        const { commands, bytes } = this.storage.waiting();
        // What a probe has left behind follows at once.
        const few = probing ? commands === 0 : commands < batchCommands && bytes < batchBytes;
        if (!first && this.done >= this.goal && few) return;
        probing = this.failures > 0 || this.done === 0;
        const { due } = this.isolation;
        const held = due
          ? await this.storage.head(2 * batchCommands, 8 * batchBytes)
          : await this.storage.head(probing ? Math.min(PROBE, batchCommands) : batchCommands, batchBytes);
        if (held.length === 0) {
          // Another process was quicker, or it holds what we counted: look again, but not in a circle.
          this.notBefore = performance.now() + OTHER_SENDS;
          return;
        }
        const letters: DeadLetter[] = [];
        const start = performance.now();
        const { transport, report } = this;
        const carriage = { ...this.limits, transport, closing: this.closing.signal, report, letters };
        const waits = due ? await this.isolation.carry(held, carriage) : await carry(held, carriage);
        if (waits !== undefined) return this.pause(waits);
        const unkept = letters.length > 0 ? await this.storage.setAside(letters).then(() => undefined, String) : undefined;
        if (unkept !== undefined) return this.pause({ type: "retry", code: "KM_OUTBOX_UNWRITABLE", detail: unkept });
        const ms = performance.now() - start;
        this.failures = 0;
        this.isolation.passed();
        // Also what an earlier process has noted.
        if (this.fault !== undefined || this.done === 0) this.storage.note(undefined);
        this.fault = undefined;
        // Counted in the same moment in which the storage counts it no more: whoever flushes now must find it in one of the two.
        const removed = this.storage.remove(held);
        const count = countOf(held);
        this.done += count;
        const taken = count - letters.length;
        this.intake.counts.sent += taken;
        if (taken > 0) this.observe?.({ type: "sent", commands: taken, bytes: bytesOf(held), ms });
        for (const { code } of letters) this.intake.count(code, 1);
        await removed;
        this.progress.made();
      }
    } finally {
      await this.storage.release();
    }
  }

  private pause({ after, code, detail }: Verdict & { type: "retry" }): void {
    this.notBefore = performance.now() + (after ?? backoff(this.failures));
    this.failures = Math.min(this.failures + 1, 16);
    this.isolation.failed();
    this.observe?.({ type: "fault", code, detail });
    const fault = detail === undefined ? code : `${code}: ${detail}`;
    // Once an outage, however many tries it takes.
    if (this.fault === undefined && !this.intake.closed) this.report(new KmError(code, detail));
    if (this.fault !== fault) this.storage.note(fault);
    this.fault = fault;
  }

  async flush(deadlineMs = 5000, atFault: "retry" | "return" = "retry"): Promise<Flushed> {
    const before = { sent: this.intake.counts.sent, dropped: this.intake.counts.dropped };
    const end = performance.now() + deadlineMs;
    await this.intake.settled();
    // A process that has just begun does not know yet what the one before has left: that is meant as well.
    await within(this.storage.ready(), deadlineMs);
    // The first try comes at once, whatever pause is on: somebody waits for it.
    this.notBefore = 0;
    // Only what waits now: under a steady load the outbox is never empty.
    const goal = this.done + this.storage.waiting().commands;
    this.goal = Math.max(this.goal, goal);
    while (this.done < goal && this.storage.waiting().commands > 0) {
      const left = end - performance.now();
      if (left <= 0 || this.intake.closed) break;
      if (this.notBefore > performance.now()) await within(undefined, Math.min(this.notBefore - performance.now(), left));
      else await this.progress.next(left, this.run());
      if (atFault === "return" && (this.fault !== undefined || this.elsewhere) && this.storage.durable) break;
    }
    return {
      sent: this.intake.counts.sent - before.sent,
      kept: this.intake.waiting().commands,
      dropped: this.intake.counts.dropped - before.dropped,
    };
  }

  async safe(deadlineMs: number): Promise<void> {
    const end = performance.now() + deadlineMs;
    await this.intake.settled();
    if (this.storage.durable) return;
    const goal = this.done + this.storage.waiting().commands;
    for (let left = deadlineMs; this.done < goal && this.storage.waiting().commands > 0 && left > 0; left = end - performance.now()) {
      this.wake(this.limits.linger);
      await this.progress.next(Math.min(left, LOST));
    }
    // What this request has set going may end with it, too.
    if (this.running !== undefined) await within(this.running, this.limits.timeout);
  }

  close(deadlineMs = 5000): Promise<Flushed> {
    this.ended ??= this.end(deadlineMs);
    return this.ended;
  }

  private async end(deadlineMs: number): Promise<Flushed> {
    const flushed = await this.flush(deadlineMs);
    this.intake.closed = true;
    this.alarm.clear();
    this.closing.abort();
    await this.running;
    await this.storage.close();
    return flushed;
  }

  stats(): OutboxStats {
    return { ...this.intake.counts.stats(this.intake.waiting()), durable: this.durable, fault: this.fault };
  }
}
