import { KmError, type Outbox, type Report } from "@kmkit/core";
import { Budget } from "./live/budget.ts";
import { type Filter, passes } from "./live/filter.ts";
import { type Arrived, type Audience, Inbox } from "./live/inbox.ts";
import { eventText, Listener, type Reader } from "./live/listener.ts";
import { LivePeople } from "./live/people.ts";
import { Recent } from "./live/recent.ts";
import { type LiveCommand, refusedOf, type Shown, shownOf } from "./live/shown.ts";
import type { Store } from "./store/store.ts";

/** Most who look on at a time. */
const MOST_LISTENERS = 20;
/** How often a stream shows that it is alive, in ms: proxies close one that is silent for a minute. */
const HEARTBEAT = 15_000;
/** How long a stream's reader has for the last event where the collector ends, in ms. */
const CLOSING = 250;
/** How long one turn of the event loop may read commands, in ms, and how many it may match or send. */
const SLICE = 8;
const PART = 500;
/** How many are shown together at the most: the store is asked once for all of them. */
const TOGETHER = 10_000;
/** About how many characters of events are handed to a stream at a time. */
const CHUNK = 64 << 10;

/** Shows what comes to those who look on. */
export interface Live extends Audience {
  /** How many look on. */
  readonly count: number;
  /** A stream of events from now on; an error where there are too many. `reader` is whoever reads it. */
  open(product: number, filter: Filter, reader: Reader): ReadableStream<Uint8Array> | KmError;
  /** Ends the streams of those who may not read any more. */
  dismiss(): void;
  /** Ends all streams. */
  close(): void;
}

/** Makes the part of a collector that shows what comes. */
export function createLive(store: Store, outbox: Outbox, report: Report): Live {
  return new CommandLive(store, outbox, report);
}

/** Some commands of one product that are shown together. */
interface Some {
  readonly shown: Shown;
  /** See {@link Listener.since}. */
  readonly place: number;
}

class CommandLive implements Live {
  listening = false;
  private readonly report: Report;
  private readonly people: LivePeople;
  private readonly inbox = new Inbox();
  private readonly recent = new Recent();
  private readonly budget = new Budget();
  private readonly listeners = new Set<Listener>();
  /** How many streams are not over: also those that have had their last event, but have not read it. */
  private streams = 0;
  private running = false;
  private closed = false;
  private beating: NodeJS.Timeout | undefined;

  constructor(store: Store, outbox: Outbox, report: Report) {
    this.people = new LivePeople(store, outbox, (ms) => this.budget.spend(ms));
    this.report = report;
  }

  get count(): number {
    return this.listeners.size;
  }

  tell(arrived: Arrived): void {
    if (this.of(arrived.product).length === 0) return;
    this.inbox.put(arrived);
    if (!this.running) void this.run();
  }

  open(product: number, filter: Filter, reader: Reader): ReadableStream<Uint8Array> | KmError {
    if (this.closed) return new KmError("KM_COLLECTOR_CLOSING");
    if (this.streams >= MOST_LISTENERS) return new KmError("KM_LISTENERS_TOO_MANY", String(MOST_LISTENERS));
    const listener = new Listener(product, filter, this.inbox.place, reader, {
      end: () => this.leave(listener),
      over: () => {
        this.streams -= 1;
      },
    });
    if (!this.listening) this.begin();
    this.streams += 1;
    this.listeners.add(listener);
    listener.send(`retry: 1000\n${eventText("open", { from: Date.now() })}`);
    return listener.stream;
  }

  dismiss(): void {
    for (const listener of this.listeners) listener.dismiss();
  }

  close(): void {
    this.closed = true;
    for (const listener of this.listeners) listener.end(new KmError("KM_COLLECTOR_CLOSING"), CLOSING);
  }

  private begin(): void {
    this.listening = true;
    this.people.begin();
    this.beating = setInterval(() => {
      for (const listener of this.listeners) listener.send(": heartbeat\n\n");
    }, HEARTBEAT);
    this.beating.unref();
  }

  private leave(listener: Listener): void {
    this.listeners.delete(listener);
    if (this.listeners.size > 0) return;
    this.listening = false;
    clearInterval(this.beating);
    this.inbox.clear();
    this.recent.clear();
    this.people.clear();
  }

  private of(product: number): Listener[] {
    return [...this.listeners].filter((listener) => listener.product === product);
  }

  private async run(): Promise<void> {
    this.running = true;
    for (let product = this.inbox.next; product !== undefined; product = this.inbox.next) {
      await this.show(product).catch((cause) => this.report(new KmError("KM_INTERNAL", "live", cause)));
    }
    this.tellMissed();
    this.running = false;
  }

  private async show(product: number): Promise<void> {
    this.tellMissed();
    const some: Some[] = [];
    while (this.inbox.next === product && some.length < TOGETHER) {
      await this.budget.turn();
      this.spend(() => this.take(product, some));
    }
    const listeners = this.of(product);
    for (const listener of listeners) await this.follow(listener, some);
    const wanted: Wanted[] = [];
    await this.inParts(some, (part) => wanted.push(...this.choose(listeners, part)));
    if (wanted.length === 0) return;
    const who = await this.people.who(product, new Set(wanted.flatMap(({ shown }) => shown.identity ?? [])));
    await this.inParts(wanted, (part) => send(part, who));
  }

  private async inParts<Item>(items: readonly Item[], work: (part: readonly Item[]) => void): Promise<void> {
    for (let at = 0; at < items.length; at += PART) {
      if (at > 0) await this.budget.turn();
      this.spend(() => work(items.slice(at, at + PART)));
    }
  }

  /** Takes some of what waits; the aliases among it count from now on. */
  private take(product: number, some: Some[]): void {
    const end = performance.now() + SLICE;
    for (const { received, place, given, refused } of this.inbox.take(product)) {
      const shown = refused === undefined ? shownOf(given, received) : refusedOf(given, received, refused);
      if (shown === undefined) continue;
      if (isEdge(shown)) this.people.note(product, shown.identity, shown.alias);
      some.push({ shown, place });
      if (some.length >= TOGETHER || (some.length % 32 === 0 && performance.now() > end)) break;
    }
  }

  /** Whose identities a listener wants to see changes as aliases come. */
  private async follow(listener: Listener, some: readonly Some[]): Promise<void> {
    const { theirs, filter } = listener;
    if (filter.persons.length === 0) return;
    const joined = some.some(({ shown }) => isEdge(shown) && theirs.has(shown.identity) !== theirs.has(shown.alias));
    if (!listener.stale && !joined) return;
    const { identities, whole } = await this.people.all(listener.product, theirs);
    listener.theirs = identities;
    listener.stale = !whole;
  }

  /** What somebody wants to see, and who does; what is a retry of what was shown, nobody. */
  private choose(listeners: readonly Listener[], some: readonly Some[]): Wanted[] {
    const wanted: Wanted[] = [];
    for (const { shown, place } of some) {
      const by = listeners.filter(
        ({ open, since, filter, theirs }) => open && place > since && passes(filter, shown, (one) => theirs.has(one)),
      );
      if (by.length > 0 && (shown.refused !== undefined || this.isNew(by[0] as Listener, shown))) wanted.push({ shown, by });
    }
    return wanted;
  }

  private isNew({ product }: Listener, { id, identity }: Shown): boolean {
    return this.recent.add(product, id as string, identity as string);
  }

  private tellMissed(): void {
    for (const [product, count] of this.inbox.takeMissed())
      for (const listener of this.of(product)) listener.send(eventText("missed", { count }));
  }

  private spend<Result>(work: () => Result): Result {
    const begun = performance.now();
    const result = work();
    this.budget.spend(performance.now() - begun);
    return result;
  }
}

interface Wanted {
  readonly shown: Shown;
  readonly by: readonly Listener[];
}

/** An alias that ties two identities: one that was refused does not. */
function isEdge(shown: Shown): shown is Shown & { identity: string; alias: string } {
  return shown.type === "alias" && shown.refused === undefined;
}

function send(wanted: readonly Wanted[], who: (identity: string) => NonNullable<LiveCommand["person"]>): void {
  const texts = new Map<Listener, string>();
  for (const { shown, by } of wanted) {
    const { type, id, time, received, identity, ...rest } = shown;
    const person = identity === undefined ? undefined : who(identity);
    const text = eventText("command", { type, id, time, received, identity, person, ...rest } satisfies Loose);
    for (const listener of by) {
      const all = (texts.get(listener) ?? "") + text;
      if (all.length > CHUNK) listener.send(all);
      texts.set(listener, all.length > CHUNK ? "" : all);
    }
  }
  for (const [listener, text] of texts) if (text !== "") listener.send(text);
}

/** JSON leaves out what is undefined. */
type Loose = { [Key in keyof LiveCommand]: LiveCommand[Key] | undefined };
