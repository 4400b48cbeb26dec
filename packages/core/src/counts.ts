import type { OutboxStats } from "./outbox.ts";

/** What became of an outbox's commands, to the last one. */
export class Counts {
  /** Handed to the outbox. */
  recorded = 0;
  /** Taken by the receiver. */
  sent = 0;
  /** Not taken, by code. */
  readonly refused: Record<string, number> = {};

  refuse(code: string, count: number): void {
    this.refused[code] = (this.refused[code] ?? 0) + count;
  }

  /** All that was not taken. */
  get dropped(): number {
    return Object.values(this.refused).reduce((sum, count) => sum + count, 0);
  }

  /** The balance, with what waits. */
  stats({ commands: kept, bytes: keptBytes }: { commands: number; bytes: number }): Omit<OutboxStats, "durable" | "fault"> {
    const { recorded, sent, refused } = this;
    // Where several processes share a directory, one may send what another recorded: then `found` is a lower bound.
    return { recorded, found: Math.max(0, sent + kept + this.dropped - recorded), sent, kept, keptBytes, refused: { ...refused } };
  }
}
