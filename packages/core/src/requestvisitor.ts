import { anonymousLeftOut, isForeignForm, isPageLoad, isPrefetch, type LeftOut } from "./admission.ts";
import { privately, sharing } from "./caching.ts";
import type { Client } from "./client.ts";
import { writeCookies } from "./cookies.ts";
import type { Exchange } from "./exchange.ts";
import { isAnonymous, mintAnonymous } from "./identity.ts";
import type { RequestOptions } from "./options.ts";
import { claimOf, FREE, hasCookies, isForwarded, type Pair, readPair, type Writing } from "./pair.ts";
import { SessionReader } from "./session.ts";
import type { Tie } from "./tie.ts";
import { givenRow, type Row, visitor } from "./visitor.ts";

/** What the answer did with the cookies: `open` not decided yet, `carried`, `cacheable` (it could not carry them), `none` (nothing to carry, or too late). */
export type Answered = "open" | "carried" | "cacheable" | "none";

/**
 * Who is behind one request, from its first command to its end: walks the table ({@link visitor}) as the app learns more, and settles it when the
 * headers are written. Holds no commands.
 */
export class RequestVisitor<Native> {
  /** What the answer did with our cookies. */
  answered: Answered = "open";
  /** The anonymous identity that the answer carried. */
  carried: string | undefined;
  readonly ties: Tie[] = [];
  /** Identities minted in this request: nobody can be them again unless the answer carries them. */
  readonly minted: string[] = [];
  readonly session: SessionReader<Native>;
  private readonly client: Client;
  private readonly options: RequestOptions<Native>;
  private readonly native: Native;
  private readonly exchange: Exchange;
  private readonly day = Math.floor(Date.now() / 86_400_000);
  /** Whether the browser (or the app) brought an anonymous identity. */
  known = false;
  private looked = false;
  private pageLoad: boolean | undefined;
  private pair: Pair | undefined;
  private given: string | undefined;
  /** What stands in the browser's own cookies. */
  private brought: Pair | undefined;
  private consent: boolean | undefined = true;
  private wish: LeftOut | undefined;
  private write: Writing | false = false;
  private candidate: string | undefined;
  private counted = false;

  constructor(client: Client, options: RequestOptions<Native>, native: Native, exchange: Exchange) {
    this.client = client;
    this.options = options;
    this.native = native;
    this.exchange = exchange;
    this.session = new SessionReader(client, options, native, exchange);
  }

  /** Whether a person looks at a document with this request. */
  get page(): boolean {
    this.pageLoad ??= isPageLoad(this.exchange);
    return this.pageLoad;
  }

  /** The row as it stands, deciding nothing. */
  peek(): Row {
    this.look();
    this.session.ask();
    return this.row(false, false);
  }

  /** The row for a command, or undefined where this request is left out (which is counted once). */
  forCommand(): Row | undefined {
    this.look();
    this.session.ask();
    if (this.isLeftOut()) return undefined;
    return this.decide(true);
  }

  /** The app has said who this is: walk the table. */
  identified(): void {
    this.look();
    if (!this.isLeftOut()) this.decide(this.session.name === null && this.pair !== undefined);
  }

  /** The pair that the answer would carry as things stand, deciding nothing; undefined where it would carry none. */
  preview(): Pair | undefined {
    this.look();
    this.session.ask();
    const named = typeof this.session.name === "string";
    if (this.isLeftOut() || (!named && !this.page && !this.write)) return undefined;
    if (!this.known && isForeignForm(this.exchange)) return undefined;
    const row = this.row(this.page, false);
    if ((!this.write && !row.write) || row.pair === undefined) return undefined;
    return row.alias ? this.asWritten(row.pair) : row.pair;
  }

  /** Whether an alias of the app's may be sent: it says nothing of this visitor, so that crawlers and wishes do not matter. */
  mayAlias(): boolean {
    this.look();
    this.session.ask();
    return !this.session.uncounted && this.wish !== "prefetch" && this.consent !== false;
  }

  /** Ties this visitor's own anonymous identity to a name. `true`: done or waiting; `false`: it may not be; undefined: it is not this visitor's. */
  claim(anonymous: string, name: string): boolean | undefined {
    if (this.given === anonymous) {
      if (this.client.tie(anonymous, name)) this.tie(anonymous, name, true);
      return true;
    }
    // Without consent to a cookie it cannot be claimed, and unclaimed the next name would be tied to it as well.
    if (this.pair?.anonymous !== anonymous) return this.brought?.anonymous === anonymous ? false : undefined;
    const claim = claimOf(this.client.key, anonymous, name);
    if (this.pair.claim !== FREE && this.pair.claim !== claim) return false;
    this.pair = { anonymous, claim, day: this.day };
    this.write = "pair";
    this.tie(anonymous, name, true);
    return true;
  }

  /** The last moment before the headers are written: the row is settled, and the answer carries what it may. */
  settle(): void {
    // Until it is settled nothing is late: the table may make its alias here.
    this.answered = this.carry();
  }

  private carry(): Answered {
    this.look();
    if (this.wish === "prefetch") return "none";
    if (this.consent === false) {
      if (hasCookies(this.exchange.header("cookie"))) this.put(undefined);
      return "none";
    }
    const page = this.page;
    // Whoever it is: without a cookie only a page load or a command gives one. Most answers of an API end here.
    if (!this.known && !page && !this.write) return "none";
    this.session.ask();
    if ((typeof this.session.name !== "string" && !page && !this.write) || this.isLeftOut()) return "none";
    this.session.hintIfNeverNull(page && this.pair !== undefined && this.pair.claim !== FREE);
    this.decide(false);
    if (!this.write || this.pair === undefined) return "none";
    // The browser has held our cookies back: another pair would take the place of the one it holds.
    if (!this.known && isForeignForm(this.exchange)) return "none";
    if (!this.put(this.ties.length > 0 ? this.asWritten(this.pair) : this.pair)) return "cacheable";
    this.carried = this.pair.anonymous;
    return "carried";
  }

  /** Whether an identity was minted here and has reached nobody: neither the answer nor an alias carries it on. */
  isLost(identity: string): boolean {
    if (!this.minted.includes(identity) || identity === this.carried) return false;
    return this.answered !== "carried" || !this.ties.some((tie) => tie.anonymous === identity);
  }

  private look(): void {
    if (this.looked) return;
    this.looked = true;
    const header = this.exchange.header("cookie");
    this.consent = this.options.consent === undefined ? true : this.session.guarded(() => this.options.consent?.(this.native));
    if (this.options.prefetch !== true && isPrefetch(this.exchange)) this.wish = "prefetch";
    const given = this.session.guarded(() => this.options.anonymous?.(this.native));
    if (typeof given === "string" && isAnonymous(given)) this.given = given;
    else this.pair = readPair(header, this.client.key);
    this.brought = isForwarded(header) ? undefined : this.pair;
    this.known = this.given !== undefined || this.pair !== undefined;
    this.wish ??= this.session.guarded(() => anonymousLeftOut(this.exchange, this.options, this.known, this.client.bots));
  }

  /** Whether this request keeps out: for its kind, by the visitor's word, or (a visitor without a name) as a crawler. Counted once. */
  private isLeftOut(): boolean {
    const reason = this.leftOut();
    if (reason !== undefined && !this.counted) {
      this.counted = true;
      this.client.leaveOut(reason);
    }
    return reason !== undefined;
  }

  private leftOut(): LeftOut | undefined {
    if (this.session.uncounted) return "uncounted";
    if (this.wish === "prefetch") return this.wish;
    if (this.consent === false) return "consent";
    if (typeof this.session.name === "string") return undefined;
    if (this.consent !== true) return "consent";
    return this.wish ?? (this.exchange.mute === true && this.row(this.page, true).fresh ? "rendering" : undefined);
  }

  private decide(command: boolean): Row {
    const row = this.row(this.page, command);
    this.payDebt(row);
    if (row.fresh && row.pair !== undefined) {
      this.minted.push(row.pair.anonymous);
      this.candidate = undefined;
    }
    this.pair = row.pair;
    // Once the whole pair is to be written, its renewal is in it.
    if (this.write !== "pair") this.write = row.write || this.write;
    if (row.alias && row.pair !== undefined)
      this.tie(row.pair.anonymous, row.identity, false, this.exchange.blind === true && this.holds(row.pair));
    const { given } = this;
    if (given && !row.anonymous && this.consent === true && this.client.tie(given, row.identity)) this.tie(given, row.identity, false);
    return row;
  }

  /** An alias whose answer was aborted: the browser has brought its claim back, so there is no cookie to wait for. */
  private payDebt(row: Row): void {
    if (row.anonymous || this.brought === undefined) return;
    const { anonymous, claim } = this.brought;
    if (this.ties.some((tie) => tie.anonymous === anonymous)) return;
    // Not the claim of this request's own: the browser may never hold that.
    if (claim !== claimOf(this.client.key, anonymous, row.identity) || !this.client.settleDebt(anonymous, row.identity)) return;
    this.ties.push({ anonymous, name: row.identity, asked: false, given: true, late: false });
  }

  private row(page: boolean, command: boolean): Row {
    const name = this.session.name;
    if (this.given !== undefined) return givenRow(this.given, name);
    // A named visitor who wants no cookie gets none, and has no anonymous past here: only the name counts.
    const plain = typeof name === "string" && (this.consent !== true || this.wish === "gpc" || this.wish === "dnt");
    return visitor({
      pair: plain ? undefined : this.pair,
      session: name,
      page: page && !plain,
      command,
      day: this.day,
      key: this.client.key,
      mint: () => {
        this.candidate ??= mintAnonymous();
        return this.candidate;
      },
    });
  }

  private tie(anonymous: string, name: string, asked: boolean, given = this.given !== undefined): void {
    const same = this.ties.some((tie) => tie.given && tie.anonymous === anonymous && tie.name === name);
    if (!same) this.ties.push({ anonymous, name, asked, given, late: this.answered !== "open" });
  }

  /** A claim that has an alias, as it goes to the browser. Where nobody will tell whether it arrives it is due for renewal at once: with that the alias goes. */
  private asWritten(pair: Pair): Pair {
    return this.exchange.blind === true && !this.holds(pair) ? { ...pair, day: 0 } : pair;
  }

  /** Whether the browser holds this claim already: then there is no answer to wait for. */
  private holds({ anonymous, claim }: Pair): boolean {
    return this.brought?.anonymous === anonymous && this.brought.claim === claim;
  }

  /** Puts a pair, or with `undefined` the end of our cookies, on the answer; false where a shared cache may hand it to others. */
  private put(pair: Pair | undefined): boolean {
    const share = sharing(this.exchange);
    if (share === "fresh") return false;
    writeCookies(this.exchange, this.options.cookie, this.client.reporter, pair, this.write || "pair");
    if (share === "stored") this.exchange.setHeader("cache-control", privately(this.exchange.answered("cache-control")));
    return true;
  }
}
