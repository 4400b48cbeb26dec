import { performance } from "node:perf_hooks";
import { setImmediate, setTimeout } from "node:timers/promises";

/** What may go into showing commands: of the time that the event loop has idle, and of the time that it is busy. */
const OF_IDLE = 0.5;
const OF_BUSY = 0.02;
/** Most that is saved up, in ms: a large batch that comes at once is shown at once. */
const MOST = 250;
/** How long to wait for more where nothing is left, in ms. */
const PAUSE = 10;

/**
 * The time that looking on may take of the event loop: half of what it has idle, and a small share besides. So it follows as fast as commands
 * come while there is room, and costs those who send next to nothing when there is none.
 */
export class Budget {
  private left = MOST;
  private last = performance.eventLoopUtilization();

  /** Waits for its turn; returns when the loop's other work has had one, and there is something to spend. */
  async turn(): Promise<void> {
    await setImmediate();
    for (this.fill(); this.left <= 0; this.fill()) await setTimeout(PAUSE, undefined, { ref: false });
  }

  /** So many ms were spent. */
  spend(ms: number): void {
    this.left -= ms;
  }

  private fill(): void {
    const now = performance.eventLoopUtilization();
    this.left = Math.min(MOST, this.left + OF_IDLE * (now.idle - this.last.idle) + OF_BUSY * (now.active - this.last.active));
    this.last = now;
  }
}
