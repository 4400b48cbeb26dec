import type { Client, Pending } from "./client.ts";
import { aliasTexts, type Draft, draftAlias, draftRecord, draftSet, lineOf } from "./draft.ts";
import { KmError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { identityText, isAnonymous } from "./identity.ts";
import type { Km, PropertiesInput, RecordOptions } from "./km.ts";
import type { RequestOptions } from "./options.ts";
import { withPair } from "./pair.ts";
import { RequestVisitor } from "./requestvisitor.ts";
import type { Tie } from "./tie.ts";

/**
 * Makes the `Km` of one request and ties it to the request's life: the row is settled when the headers are written, and the commands go into the
 * outbox when the response is over. An adapter calls this once a request.
 *
 * @example
 * request.km = openRequest(client, options, request, exchangeOf(request, response));
 */
export function openRequest<Native>(client: Client, options: RequestOptions<Native>, native: Native, exchange: Exchange): OpenedKm {
  return new RequestKm(client, options, native, exchange);
}

/** What an adapter gets: the request's `Km`, and what the app has no use for. */
export interface OpenedKm extends Km {
  /** The request's `Cookie` header as it should be for what comes after a proxy: with the pair that the answer will carry. Undefined where it carries none. */
  forwarded(cookie: string | null | undefined): string | undefined;
}

class RequestKm<Native> implements OpenedKm, Pending {
  private readonly client: Client;
  private readonly exchange: Exchange;
  private readonly visitor: RequestVisitor<Native>;
  private drafts: Draft[] = [];
  private headed = false;
  private over = false;
  private wasFinished: (() => boolean) | undefined;
  /** Whether the end of the response is waited for: only once there is something to hand over. */
  private waits = false;

  constructor(client: Client, options: RequestOptions<Native>, native: Native, exchange: Exchange) {
    this.client = client;
    this.exchange = exchange;
    this.visitor = new RequestVisitor(client, options, native, exchange);
    exchange.headers(() => {
      this.headed = true;
      this.safely(() => this.visitor.settle());
      if (this.visitor.ties.length > 0) this.wait();
    });
  }

  private wait(): void {
    if (this.waits) return;
    this.waits = true;
    this.exchange.after((finished) => {
      this.over = true;
      this.wasFinished = finished;
      if (this.drafts.length > 0 || this.visitor.ties.length > 0) this.client.put(this);
    });
  }

  /** Whether the visitor has got the whole answer, as far as anybody can tell. */
  private get finished(): boolean {
    return this.wasFinished?.() === true && this.exchange.blind !== true;
  }

  get identity(): string {
    return this.safely(() => this.visitor.peek().identity) ?? "";
  }

  get anonymous(): boolean {
    return this.safely(() => this.visitor.peek().anonymous) ?? true;
  }

  record(name: string | PropertiesInput, properties?: PropertiesInput, options?: RecordOptions): void {
    try {
      this.add(draftRecord(name, properties, options, "", this.client.reporter.report));
    } catch (cause) {
      this.failed(cause);
    }
  }

  set(properties: PropertiesInput): void {
    try {
      this.add(draftSet(properties, "", this.client.reporter.report));
    } catch (cause) {
      this.failed(cause);
    }
  }

  identify(identity: string | null): void {
    this.safely(() => {
      this.visitor.session.ask();
      if (identity === null) this.visitor.session.tell(null);
      else {
        const text = identityText(identity);
        const error =
          text instanceof KmError ? text : this.visitor.session.isJunk(text) ? new KmError("KM_IDENTITY_JUNK", text) : undefined;
        if (error !== undefined || text instanceof KmError) return this.client.reporter.report(error as KmError);
        // Whoever is anonymous stays so: their own identity is no name, and nothing is burnt.
        if (isAnonymous(text) && text === this.visitor.peek().identity) return;
        this.visitor.session.tell(text);
      }
      this.visitor.identified();
      if (this.visitor.ties.length > 0) this.handOver();
    });
  }

  alias(a: string, b?: string): void {
    this.safely(() => {
      const own = b === undefined ? this.visitor.forCommand()?.identity : b;
      if (own === undefined) return;
      const texts = aliasTexts(a, own, (text) => this.visitor.session.isJunk(text), this.client.reporter.report);
      if (texts === undefined || !this.visitor.mayAlias()) return;
      // Whichever of the two is this visitor's own: a user id may look like an anonymous identity.
      const claimed = this.visitor.claim(...texts) ?? this.visitor.claim(texts[1], texts[0]);
      if (claimed === undefined) this.push(draftAlias(...texts));
      else if (claimed) this.handOver();
      else this.client.outbox.refuse(new KmError("KM_ALIAS_CLAIMED", texts.join(" = ")), 1);
    });
  }

  forwarded(cookie: string | null | undefined): string | undefined {
    return this.safely(() => {
      const pair = this.visitor.preview();
      return pair === undefined ? undefined : withPair(cookie, pair);
    });
  }

  take(all: boolean): string[] {
    if (this.visitor.session.uncounted) {
      this.drafts = [];
      this.visitor.ties.length = 0;
      return [];
    }
    const lines = this.visitor.ties.length === 0 ? [] : this.tiesToSend().map(({ anonymous, name }) => lineOf(draftAlias(anonymous, name)));
    const wait: Draft[] = [];
    for (const draft of this.drafts) {
      // Before the headers are written nobody knows yet whether the answer will carry a minted identity.
      if (!all && !this.headed && !this.over && this.visitor.minted.includes(draft.identity)) wait.push(draft);
      else if (this.place(draft)) lines.push(lineOf(draft));
    }
    this.drafts = wait;
    if (wait.length > 0) this.client.watch(this);
    return lines;
  }

  /** Puts a command that stands under an identity which reached nobody where it belongs. False where it is refused. */
  private place(draft: Draft): boolean {
    if (!this.visitor.isLost(draft.identity)) return true;
    const { name } = this.visitor.session;
    if (typeof name === "string") draft.identity = name;
    else if (this.visitor.answered === "cacheable") {
      this.client.outbox.refuse(new KmError("KM_RESPONSE_CACHEABLE", this.route()), 1);
      return false;
    } else if (draft.late || (this.finished && this.visitor.answered === "open"))
      this.client.reporter.report(new KmError("KM_COOKIE_TOO_LATE", this.route()));
    return true;
  }

  /** An alias is sent only with the answer that carried its cookies, and only when that answer was finished: tied but not claimed, an anonymous identity would be tied to the next name as well. */
  private tiesToSend(): Tie[] {
    const { answered, carried } = this.visitor;
    const ready = (tie: Tie) => tie.given || (tie.anonymous === carried && this.over && this.finished && !tie.late);
    const ties = this.visitor.ties.splice(0);
    for (const tie of ties) {
      if (ready(tie)) continue;
      if (!this.over) this.visitor.ties.push(tie);
      else if (tie.anonymous === carried && !tie.late) this.client.owe(tie.anonymous, tie.name);
      else if (tie.asked) {
        const code = answered === "cacheable" ? "KM_RESPONSE_CACHEABLE" : "KM_COOKIE_TOO_LATE";
        this.client.outbox.refuse(new KmError(code, `alias on ${this.route()}`), 1);
      }
    }
    const sent = ties.filter(ready);
    for (const { anonymous, name } of sent) this.client.settleDebt(anonymous, name);
    return sent;
  }

  private add(draft: Draft | undefined): void {
    if (draft === undefined) return;
    const row = this.visitor.forCommand();
    if (row === undefined) return;
    draft.identity = row.identity;
    if (row.fresh && this.client.reporter.hints && !this.visitor.known && !this.visitor.page)
      // Once a route: what has a digit in it is a parameter.
      this.client.reporter.hint(
        `unknown ${this.route().replace(/[^/]*\d[^/]*/g, ":")}`,
        () => new KmError("KM_VISITOR_UNKNOWN", this.route()),
      );
    this.push(draft);
  }

  private push(draft: Draft): void {
    if (this.headed) draft.late = true;
    this.drafts.push(draft);
    if (this.drafts.length === 1 || this.over) this.handOver();
  }

  private handOver(): void {
    this.client.watch(this);
    this.wait();
    // A handler that records after the response ended.
    if (this.over) queueMicrotask(() => this.client.put(this));
  }

  private route(): string {
    return `${this.exchange.method} ${this.exchange.url.split("?")[0]?.slice(0, 200)}`;
  }

  /** Nothing of ours is thrown into the app, whatever the framework's objects do. */
  private safely<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (cause) {
      this.failed(cause);
      return undefined;
    }
  }

  private failed(cause: unknown): void {
    this.client.reporter.report(new KmError("KM_INTERNAL", cause instanceof Error ? cause.message : String(cause), cause));
  }
}
