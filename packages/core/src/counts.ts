import type { OutboxStats } from "./outbox.ts";
import type { Waiting } from "./storage.ts";

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
  stats({ commands: kept, bytes: keptBytes, found, handed }: Waiting): Omit<OutboxStats, "durable" | "fault"> {
    const { recorded, sent, refused } = this;
    return { recorded, found, sent, handed, kept, keptBytes, refused: { ...refused } };
  }
}
