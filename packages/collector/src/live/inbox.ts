import type { KmCode } from "@kmkit/core";

/** When so many characters wait to be shown, nothing joins them. */
const MOST_WAITING = 16 << 20;

/** Why one of some commands was refused: its place among them, from 0. */
interface RefusedAt {
  readonly index: number;
  readonly code: string;
  readonly message?: string;
}

/** Commands that came together and are on disk, each as its line of JSON or as an object; and which of them were refused instead, in order. */
export interface Arrived {
  readonly product: number;
  /** ms since the epoch. */
  readonly received: number;
  readonly commands: readonly unknown[];
  readonly refused: readonly RefusedAt[];
}

/** Those who look on. */
export interface Audience {
  /** Whether there is anybody: only then is there anything to tell. */
  readonly listening: boolean;
  /** Tells of commands that are on disk, and of such as were refused. Returns at once. */
  tell(arrived: Arrived): void;
}

/** Some of what waits. */
export interface Taken {
  readonly received: number;
  /** Its number among all that ever arrived. */
  readonly place: number;
  readonly given: unknown;
  readonly refused: { readonly code: KmCode; readonly message: string } | undefined;
}

/** What waits to be shown, bounded by its size: beyond it the newest is not shown, and counted. */
export class Inbox {
  /** The number of the last arrival. */
  place = 0;
  private readonly waiting: { readonly arrived: Arrived; readonly place: number; readonly size: number; at: number; bad: number }[] = [];
  private size = 0;
  private readonly missed = new Map<number, number>();

  put(arrived: Arrived): void {
    this.place += 1;
    if (this.size > MOST_WAITING) {
      this.missed.set(arrived.product, (this.missed.get(arrived.product) ?? 0) + arrived.commands.length);
      return;
    }
    const size = sizeOf(arrived);
    this.size += size;
    this.waiting.push({ arrived, place: this.place, size, at: 0, bad: 0 });
  }

  /** The product of what waits longest; undefined where nothing waits. */
  get next(): number | undefined {
    return this.waiting[0]?.arrived.product;
  }

  /** What waits longest, as long as it is of one product, and until the taker has enough. */
  *take(product: number): Generator<Taken> {
    for (let first = this.waiting[0]; first !== undefined && first.arrived.product === product; first = this.waiting[0]) {
      const { arrived, place } = first;
      while (first.at < arrived.commands.length) {
        const index = first.at++;
        const next = arrived.refused[first.bad];
        const refusal = next?.index === index ? next : undefined;
        if (refusal !== undefined) first.bad += 1;
        const refused = refusal && { code: refusal.code as KmCode, message: refusal.message ?? "" };
        yield { received: arrived.received, place, given: arrived.commands[index], refused };
      }
      this.size -= first.size;
      this.waiting.shift();
    }
  }

  /** How many commands were not shown since the last call, by product. */
  takeMissed(): Map<number, number> {
    const missed = new Map(this.missed);
    this.missed.clear();
    return missed;
  }

  clear(): void {
    this.waiting.length = 0;
    this.size = 0;
    this.missed.clear();
  }
}

function sizeOf({ commands }: Arrived): number {
  let size = 0;
  for (const given of commands) size += typeof given === "string" ? given.length : objectSize(given);
  return size;
}

/** About the size of a classic call. */
function objectSize(given: unknown): number {
  if (typeof given !== "object" || given === null) return 100;
  let size = 300;
  const { properties } = given as { properties?: unknown };
  for (const [name, value] of Object.entries(properties ?? {})) size += name.length + String(value).length;
  return size;
}
