/** A timer of ours that is late by so many ms is no more: some platforms end timers with the request in which they were set. */
export const LOST = 1000;

/** A timer that does not keep a Node process alive; elsewhere an ordinary one. Returns the function that stops it. */
export function quietTimer(work: () => void, ms: number): () => void {
  const timer: unknown = setTimeout(work, ms);
  (timer as { unref?: () => void }).unref?.();
  return () => clearTimeout(timer as number);
}

/** Waits for work, or for `ms`; this timer keeps the process alive, since somebody waits. */
export async function within(work: Promise<void> | undefined, ms: number): Promise<void> {
  let timer: unknown;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(1, ms));
  });
  await (work === undefined ? over : Promise.race([work, over]));
  clearTimeout(timer as number);
}

/** Work to be done once, at the earliest of the times that were set. */
export class Alarm {
  private readonly work: () => void;
  private due = Number.POSITIVE_INFINITY;
  private stop: () => void = () => {};

  constructor(work: () => void) {
    this.work = work;
  }

  /** @param due by `performance.now()` */
  set(due: number): void {
    const now = performance.now();
    if (due >= this.due && now < this.due + LOST) return;
    this.stop();
    this.due = due;
    this.stop = quietTimer(this.work, Math.max(0, due - now));
  }

  clear(): void {
    this.stop();
    this.due = Number.POSITIVE_INFINITY;
  }
}
