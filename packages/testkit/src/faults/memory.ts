import { readFileSync } from "node:fs";

/** The memory of a process that is its own, in bytes: `RssAnon`, since pages of a mapped file are not. */
export function anonymousMemory(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

/** Whether a process is stopped (SIGSTOP). */
export function isStopped(pid: number): boolean {
  return /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

/** Watches the memory of a process. */
export class MemoryWatch {
  peak = 0;
  readonly start: number;
  private readonly timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.start = anonymousMemory(pid);
    this.timer = setInterval(() => {
      try {
        this.peak = Math.max(this.peak, anonymousMemory(pid));
      } catch {
        this.stop();
      }
    }, 50);
  }

  /** MB above the start, at the highest. */
  stop(): number {
    clearInterval(this.timer);
    return (this.peak - this.start) / 2 ** 20;
  }
}
