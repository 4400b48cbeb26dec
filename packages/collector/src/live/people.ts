import { setTimeout } from "node:timers/promises";
import { isAnonymous, type Outbox, type OutboxStats } from "@kmkit/core";
import { setAside } from "../status.ts";
import type { Store } from "../store/store.ts";
import { isBetter, type Tied } from "../store/whose.ts";
import type { LiveCommand } from "./shown.ts";

/** Most identities that are remembered with what the store knew of them. */
const MOST_KNOWN = 10_000;
/** How long that counts, in ms: another collector may write to the same store. */
const FRESH = 10_000;
/** Most aliases that are remembered until the store has them. */
const MOST_EDGES = 10_000;
/** How long the store may take for an answer, and how long it is left alone after it gave none, in ms. */
const PATIENCE = 2000;
/** The store is asked for so small a part of the time (1 in so many), since it has other work; and at least so often, in ms. */
const SELDOM = 10;
const OFTEN = 500;

/** An alias that the store may not have yet. */
interface Edge {
  readonly product: number;
  readonly a: string;
  readonly b: string;
  /** It has it when so many rows are done. */
  readonly mark: number;
}

interface Known {
  /** undefined: the store ties it to nobody. */
  readonly tied: Tied | undefined;
  readonly at: number;
}

type Person = NonNullable<LiveCommand["person"]>;

/** Whose identities are, while somebody looks on: by the store, and by the aliases that it has not linked yet. */
export class LivePeople {
  private readonly store: Store;
  private readonly outbox: Outbox;
  private readonly spend: (ms: number) => void;
  private readonly known = new Map<string, Known>();
  private edges: Edge[] = [];
  /** What was acknowledged before anybody looked on is stored when so many rows are done. */
  private start = 0;
  private caughtUp: Promise<unknown> = Promise.resolve();
  private nextAsk = 0;
  private away = 0;

  /** @param spend told how long the store was at work, in ms: where it has a core of its own the event loop had that time idle. */
  constructor(store: Store, outbox: Outbox, spend: (ms: number) => void) {
    this.store = store;
    this.spend = spend;
    this.outbox = outbox;
  }

  /** Somebody begins to look on, and nobody did before: nothing is known of the aliases that came meanwhile. */
  begin(): void {
    this.clear();
    this.start = this.ahead();
    this.caughtUp = this.outbox.flush(PATIENCE, "return");
  }

  /** Nobody looks on any more. */
  clear(): void {
    this.known.clear();
    this.edges = [];
  }

  /** An alias that is durable: it counts from now on. */
  note(product: number, a: string, b: string): void {
    this.edges.push({ product, a, b, mark: this.ahead() });
    if (this.edges.length > MOST_EDGES) this.edges.shift();
  }

  /** Finds out who some identities of a product are; what it returns tells of each. */
  async who(product: number, identities: Iterable<string>): Promise<(identity: string) => Person> {
    this.forget();
    const edges = this.edgesOf(product);
    const asked = new Set([...identities, ...edges.flatMap(({ a, b }) => [a, b])]);
    const whole = await this.learn(product, asked);
    const behind = whole && this.done() >= this.start ? {} : { behind: true as const };
    let groups: Groups | undefined;
    return (identity) => {
      groups ??= this.groups(product, asked, edges);
      const best = groups.best(nodeOf(identity)) ?? identity;
      return { identity: best, anonymous: isAnonymous(best), ...behind };
    };
  }

  private groups(product: number, asked: ReadonlySet<string>, edges: readonly Edge[]): Groups {
    const tied = (identity: string): Tied | undefined => this.known.get(keyOf(product, identity))?.tied;
    const groups = new Groups();
    for (const identity of asked) {
      const one = tied(identity);
      groups.add(nodeOf(identity), { best: identity, first: one?.best === identity ? one.first : undefined });
      if (one !== undefined) groups.join(nodeOf(identity), `person ${one.person}`, one);
    }
    for (const { a, b } of edges) groups.join(nodeOf(a), nodeOf(b));
    return groups;
  }

  /** All identities of the people that some identities belong to, and whether the store could be asked. */
  async all(product: number, identities: Iterable<string>): Promise<{ identities: Set<string>; whole: boolean }> {
    await this.caughtUp;
    const neighbours = neighboursOf(this.edgesOf(product));
    let found = reach(new Set(identities), neighbours);
    for (;;) {
      const stored = await this.ask(() => this.store.identities(product, [...found]));
      if (stored === undefined) return { identities: found, whole: false };
      const all = reach(new Set([...found, ...stored]), neighbours);
      if (all.size === found.size) return { identities: all, whole: this.done() >= this.start };
      found = all;
    }
  }

  /** Asks the store for those of whom nothing is known, all in one; false where it gave no answer. */
  private async learn(product: number, asked: ReadonlySet<string>): Promise<boolean> {
    const now = performance.now();
    const missing = [...asked].filter((identity) => {
      const known = this.known.get(keyOf(product, identity));
      return known === undefined || now - known.at > FRESH;
    });
    if (missing.length === 0) return true;
    await this.caughtUp;
    await setTimeout(Math.max(0, this.nextAsk - performance.now()), undefined, { ref: false });
    const begun = performance.now();
    const tied = await this.ask(() => this.store.tied(product, missing));
    const end = performance.now();
    this.nextAsk = end + Math.min(OFTEN, SELDOM * (end - begun));
    if (tied === undefined) return false;
    for (const identity of this.known.keys()) {
      if (this.known.size + missing.length <= MOST_KNOWN) break;
      if (!asked.has(identity.slice(identity.indexOf("\0") + 1))) this.known.delete(identity);
    }
    for (const identity of missing) this.known.set(keyOf(product, identity), { tied: tied.get(identity), at: begun });
    return true;
  }

  private async ask<Answer>(question: () => Promise<Answer>): Promise<Answer | undefined> {
    if (performance.now() < this.away) return undefined;
    const begun = performance.now();
    const given = new AbortController();
    const late = setTimeout(PATIENCE, undefined, { ref: false, signal: given.signal }).catch(() => undefined);
    const answer = await Promise.race([question().catch(() => undefined), late]);
    given.abort();
    this.spend(performance.now() - begun);
    if (answer === undefined) this.away = performance.now() + PATIENCE;
    return answer;
  }

  /** Aliases that the store has linked are known from there, so what was known of these people before is not asked from memory again. */
  private forget(): void {
    const done = this.done();
    const stored = this.edges.filter(({ mark }) => mark <= done);
    if (stored.length === 0) return;
    this.edges = this.edges.filter(({ mark }) => mark > done);
    const ends = new Set(stored.flatMap(({ product, a, b }) => [keyOf(product, a), keyOf(product, b)]));
    const persons = new Set([...ends].flatMap((end) => this.known.get(end)?.tied?.person ?? []));
    for (const [key, { tied }] of this.known) if (ends.has(key) || (tied !== undefined && persons.has(tied.person))) this.known.delete(key);
  }

  private edgesOf(product: number): Edge[] {
    return this.edges.filter((edge) => edge.product === product);
  }

  private done(): number {
    return doneOf(this.outbox.stats());
  }

  /** How many rows are done when all that waits now is. */
  private ahead(): number {
    const stats = this.outbox.stats();
    return doneOf(stats) + stats.kept;
  }
}

function doneOf(stats: OutboxStats): number {
  return stats.sent + setAside(stats);
}

function keyOf(product: number, identity: string): string {
  return `${product}\0${identity}`;
}

/** An identity as a node of {@link Groups}: no identity may be taken for a person's number. */
function nodeOf(identity: string): string {
  return `identity ${identity}`;
}

function neighboursOf(edges: readonly Edge[]): Map<string, string[]> {
  const neighbours = new Map<string, string[]>();
  const add = (from: string, to: string): void => {
    const list = neighbours.get(from);
    if (list === undefined) neighbours.set(from, [to]);
    else list.push(to);
  };
  for (const { a, b } of edges) {
    add(a, b);
    add(b, a);
  }
  return neighbours;
}

/** Adds everybody whom the aliases tie to somebody found. */
function reach(found: Set<string>, neighbours: ReadonlyMap<string, readonly string[]>): Set<string> {
  // A set is gone through with what is added on the way.
  for (const identity of found) for (const other of neighbours.get(identity) ?? []) found.add(other);
  return found;
}

type Candidate = Pick<Tied, "best" | "first">;

/** Sets of identities that are one person, and the best of each. */
class Groups {
  private readonly above = new Map<string, string>();
  private readonly bests = new Map<string, Candidate>();

  add(node: string, candidate: Candidate): void {
    const root = this.root(node);
    const best = this.bests.get(root);
    if (best === undefined || isBetter(candidate, best)) this.bests.set(root, candidate);
  }

  join(a: string, b: string, candidate?: Candidate): void {
    const [left, right] = [this.root(a), this.root(b)];
    const other = this.bests.get(right);
    if (left !== right) this.above.set(right, left);
    if (other !== undefined) this.add(left, other);
    if (candidate !== undefined) this.add(left, candidate);
  }

  best(node: string): string | undefined {
    return this.bests.get(this.root(node))?.best;
  }

  private root(node: string): string {
    let at = node;
    for (let up = this.above.get(at); up !== undefined; up = this.above.get(at)) at = up;
    if (at !== node) this.above.set(node, at);
    return at;
  }
}
