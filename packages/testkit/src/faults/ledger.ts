/** What of a wire line a {@link Ledger} looks at. */
interface Line {
  readonly id: string;
  readonly properties?: { readonly n?: string | number };
}

/**
 * What came over the wire, counted by id. Commands of a fault run carry a label of their own (`n`), by which the side that recorded them knows
 * them again.
 */
export class Ledger {
  /** How often each id was sent, whatever became of it. */
  readonly sent: Map<string, number> = new Map();
  /** How often each id was taken. More than once is harmless: a collector stores an id once. */
  readonly taken: Map<string, number> = new Map();
  /** The id under which each label was taken. */
  readonly labels: Map<string, string> = new Map();
  /** Labels that came under two ids: these would be stored twice. */
  readonly doubles: Set<string> = new Set();

  /** Counts lines that arrived; the lines that `take` says yes to are taken. */
  note(text: string, take: (index: number, count: number) => boolean): number {
    const lines = text.split("\n").filter((line) => line !== "");
    for (const [index, line] of lines.entries()) {
      const { id, properties } = JSON.parse(line) as Line;
      this.sent.set(id, (this.sent.get(id) ?? 0) + 1);
      if (!take(index, lines.length)) continue;
      this.taken.set(id, (this.taken.get(id) ?? 0) + 1);
      const label = String(properties?.n);
      const other = this.labels.get(label);
      if (other !== undefined && other !== id) this.doubles.add(label);
      this.labels.set(label, id);
    }
    return lines.length;
  }

  /** Those of the labels that were not taken. */
  missing(labels: Iterable<string>): string[] {
    return [...labels].filter((label) => !this.labels.has(label));
  }

  /** How many commands were taken, copies not counted. */
  get stored(): number {
    return this.taken.size;
  }

  /** How often the commands were sent on average: 1 without copies. */
  get copies(): number {
    let all = 0;
    for (const count of this.sent.values()) all += count;
    return all / this.sent.size;
  }

  /** How many commands were sent more than once. */
  get repeated(): number {
    let repeated = 0;
    for (const count of this.sent.values()) if (count > 1) repeated += 1;
    return repeated;
  }
}
