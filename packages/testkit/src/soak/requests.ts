/** What became of each request of a soak, by its number. */
export class Requests {
  /** Requests that were sent. */
  asked = 0;
  /** When each was answered; 0: not. */
  private at: Float64Array = new Float64Array(1 << 16);
  /** Killed so soon after the answer that it may be lost. */
  private readonly excused = new Set<number>();

  next(): number {
    if (this.asked === this.at.length) {
      const longer = new Float64Array(this.at.length * 2);
      longer.set(this.at);
      this.at = longer;
    }
    return this.asked++;
  }

  answered(n: number, at: number): void {
    this.at[n] = at;
  }

  /** The app was killed: what was answered after this time may be lost. */
  excuse(after: number): void {
    for (let n = this.asked - 1; n >= 0 && n > this.asked - 50_000; n -= 1) if ((this.at[n] as number) > after) this.excused.add(n);
  }

  /** Holds the labels of what is stored against what was answered. */
  compare(stored: Uint8Array): { answered: number; excused: number; stored: number; missing: number[]; twice: number[] } {
    const missing: number[] = [];
    const twice: number[] = [];
    const result = { answered: 0, excused: 0, stored: 0, missing, twice };
    for (let n = 0; n < this.asked; n += 1) {
      const copies = stored[n] ?? 0;
      if (copies > 0) result.stored += 1;
      if (copies > 1) twice.push(n);
      if (this.at[n] === 0) continue;
      result.answered += 1;
      if (copies > 0) continue;
      if (this.excused.has(n)) result.excused += 1;
      else missing.push(n);
    }
    return result;
  }
}
