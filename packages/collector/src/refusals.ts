import type { Writer } from "./keys.ts";

/** Some refusals of one kind, from one sender, as the status shows them. */
export interface Refused {
  readonly code: string;
  /** The product, where the key is one of ours. */
  readonly product?: string;
  /** The first characters of a key that is not ours; empty where none came, `other` where there were too many to tell apart. */
  readonly key?: string;
  readonly count: number;
  /** When the first and the last of them came, in ms since the epoch. */
  readonly first: number;
  readonly last: number;
}

/** Whom a refused call came from: who the key is of, or the text that was sent as key and is none of ours. */
export type Sender = Pick<Writer, "product" | "name"> | string;

/** Most pairs of a reason and a key that are told apart: whoever makes up ever new keys must not fill the memory. */
const MOST_PAIRS = 100;
/** How many characters of a foreign key are shown, behind the beginning that all keys of a kind share: enough to find out whose it is, too few to use. */
const SHOWN = 4;
const beginning = /^km_(server|browser)_/;
/** After how long a pair may make room for a new one, in ms. */
const SILENT = 3_600_000;
/** What stands for the keys that are not told apart. No shown key ends without an ellipsis. */
const OTHER = "other";

/** A pair that is counted. */
interface Pair {
  readonly code: string;
  readonly sender: Sender | undefined;
  count: number;
  first: number;
  last: number;
}

/** Counts what was refused since the start: by reason, and by reason and sender. */
export class Refusals {
  /** By code alone. */
  readonly byCode: Record<string, number> = {};
  /** Of products: as many as there are products and codes. */
  private readonly known = new Map<string, Pair>();
  /** Of keys that are not ours. */
  private readonly foreign = new Map<string, Pair>();

  note(code: string, count: number, sender?: Sender, now: number = Date.now()): void {
    this.byCode[code] = (this.byCode[code] ?? 0) + count;
    const shown = typeof sender === "string" ? masked(sender) : sender;
    const pair = this.pair(code, shown, now);
    pair.count += count;
    pair.last = now;
  }

  /** All of them, the latest first. */
  list(): Refused[] {
    const pairs = [...this.known.values(), ...this.foreign.values()].sort((a, b) => b.last - a.last);
    return pairs.map(({ code, sender, count, first, last }) => {
      const who = typeof sender === "object" ? { product: sender.name } : sender === undefined ? {} : { key: sender };
      return { code, ...who, count, first, last };
    });
  }

  private pair(code: string, sender: Sender | undefined, now: number): Pair {
    const pairs = typeof sender === "string" ? this.foreign : this.known;
    const name = `${code} ${typeof sender === "object" ? sender.product : (sender ?? "")}`;
    const found = pairs.get(name);
    if (found !== undefined) return found;
    if (pairs === this.foreign && sender !== OTHER && pairs.size >= MOST_PAIRS && !this.makeRoom(now)) return this.pair(code, OTHER, now);
    const made: Pair = { code, sender, count: 0, first: now, last: now };
    pairs.set(name, made);
    return made;
  }

  /** Lets the pair go that was silent for longest, if that is long: its count goes to the others. */
  private makeRoom(now: number): boolean {
    const told = [...this.foreign].filter(([, { sender }]) => sender !== OTHER);
    if (told.length < MOST_PAIRS) return true;
    const [name, oldest] = told.reduce((a, b) => (b[1].last < a[1].last ? b : a)) as [string, Pair];
    if (now - oldest.last < SILENT) return false;
    this.foreign.delete(name);
    const other = this.pair(oldest.code, OTHER, now);
    other.count += oldest.count;
    other.first = Math.min(other.first, oldest.first);
    return true;
  }
}

/** The first characters of a key. It is a stranger's text, and is printed on terminals and pages: only letters and digits of it are shown. */
function masked(key: string): string {
  const shown = (beginning.exec(key)?.[0].length ?? 0) + SHOWN;
  return key === "" ? "" : `${key.slice(0, shown).replace(/[^\w-]/g, "?")}…`;
}
