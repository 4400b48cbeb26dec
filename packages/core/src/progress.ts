import { within } from "./timer.ts";

/** Those who wait for the end of a batch. */
export class Progress {
  private readonly waiters = new Set<() => void>();

  /** A batch is done. */
  made(): void {
    for (const wake of this.waiters) wake();
  }

  /** Waits for the end of the next batch, or of other work, or for `ms`. */
  async next(ms: number, other?: Promise<void>): Promise<void> {
    let wake = (): void => {};
    const batch = new Promise<void>((resolve) => {
      wake = resolve;
      this.waiters.add(wake);
    });
    await within(other === undefined ? batch : Promise.race([batch, other]), ms);
    this.waiters.delete(wake);
  }
}
