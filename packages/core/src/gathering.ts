import type { KmError } from "./errors.ts";
import { quietTimer } from "./timer.ts";

/** What becomes of lines that were put. */
export type Put = Promise<KmError | undefined>;

/** After so many rounds in which nothing came the timer rests. */
const IDLE_ROUNDS = 100;

/**
 * Lines of some requests that are put together: one entry for all of them costs the storage as much as one for each. They wait for each other
 * some milliseconds at the most, and are counted from the first moment on.
 */
export class Gathering {
  /** How many lines wait here. */
  commands = 0;
  /** Their size, in UTF-16 units and newlines: close enough to bytes for so short a time. */
  bytes = 0;
  private readonly ms: number;
  private readonly most: number;
  private readonly put: (lines: readonly string[]) => Put;
  private lines: string[] = [];
  private all: Put | undefined;
  private settle: (put: Put) => void = () => {};
  /** Whether the timer goes: it goes on from round to round, so that no command has to start it. */
  private going = false;
  private idle = 0;

  /**
   * @param ms how long to wait for more; 0: not at all
   * @param most how many lines go on at once
   */
  constructor(ms: number, most: number, put: (lines: readonly string[]) => Put) {
    this.ms = ms;
    this.most = most;
    this.put = put;
  }

  add(lines: readonly string[]): Put {
    if (this.ms === 0) return this.put(lines);
    for (const line of lines) {
      this.lines.push(line);
      this.bytes += line.length + 1;
    }
    this.commands += lines.length;
    this.all ??= new Promise((resolve) => {
      this.settle = resolve;
    });
    if (!this.going) this.go();
    const { all } = this;
    if (this.commands >= this.most) this.end();
    return all;
  }

  /** Puts what has come together. */
  end(): void {
    if (this.all === undefined) return;
    this.all = undefined;
    const { lines } = this;
    this.lines = [];
    this.commands = 0;
    this.bytes = 0;
    this.settle(this.put(lines));
  }

  private go(): void {
    this.going = true;
    quietTimer(() => {
      this.idle = this.all === undefined ? this.idle + 1 : 0;
      this.end();
      if (this.idle < IDLE_ROUNDS) return this.go();
      this.going = false;
      this.idle = 0;
    }, this.ms);
  }
}
