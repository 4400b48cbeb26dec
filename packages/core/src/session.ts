import type { Client } from "./client.ts";
import { KmError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { identityText, isJunk } from "./identity.ts";
import type { RequestOptions } from "./options.ts";

/** Where the name of a logged-in visitor stands in the session, if there is no `identity` option. */
const SESSION_KEY = "km_identity";

/**
 * Who is logged in, as far as one request knows: what the session says (asked again whenever it matters, since login code changes it in
 * mid-request), and what the app says by `identify`, which counts until the session names somebody else.
 */
export class SessionReader<Native> {
  /** The name; `null`: nobody is logged in; `undefined`: not known here. */
  name: string | null | undefined;
  /** The `identity` option said `false`: this request does not count. */
  uncounted = false;
  private readonly client: Client;
  private readonly options: RequestOptions<Native>;
  private readonly native: Native;
  private readonly exchange: Exchange;
  private asked = false;
  private raw: unknown;
  private said: string | null | undefined;
  private told: { identity: string | null } | undefined;
  private complained = false;

  constructor(client: Client, options: RequestOptions<Native>, native: Native, exchange: Exchange) {
    this.client = client;
    this.options = options;
    this.native = native;
    this.exchange = exchange;
  }

  /** Ask the session again. */
  ask(): void {
    const before = this.said;
    const first = !this.asked;
    this.said = this.answer();
    if (!first && this.said === before) return;
    // What the app said itself holds, unless the session has since come to name somebody.
    if (this.told === undefined || typeof this.said === "string") this.name = this.said;
  }

  /** The app says who this is. */
  tell(identity: string | null): void {
    const session = this.options.identity === undefined ? this.guarded(() => this.exchange.session()) : undefined;
    if (session !== undefined) this.write(session, identity);
    else if (this.options.identity === undefined && identity !== null) {
      this.client.reporter.hint("session", () => new KmError("KM_SESSION_MISSING"));
    }
    // A login library may regenerate the session after this: then the name is put into the new one.
    if (session !== undefined && this.told === undefined) this.exchange.ending(() => this.keep());
    this.told = { identity };
    this.said = this.answer();
    this.name = identity;
  }

  /** Calls into the app's options: what they throw is reported and counts as `undefined`. */
  guarded<T>(ask: () => T): T | undefined {
    try {
      const answer = ask();
      // Options answer at once. One that is async by mistake counts as no answer, and what it throws must not end the process.
      if (isPromise(answer)) answer.catch(() => {});
      return answer;
    } catch (cause) {
      this.client.reporter.report(new KmError("KM_IDENTITY_FAILED", cause instanceof Error ? cause.message : String(cause), cause));
      return undefined;
    }
  }

  /** Whether a name is a placeholder, by the app's own rule if it has one. */
  isJunk(identity: string): boolean {
    return this.guarded(() => (this.options.junk ?? isJunk)(identity)) === true;
  }

  /** In development: the app names people but never says that nobody is logged in, and here is somebody's cookie. */
  hintIfNeverNull(claimed: boolean): void {
    if (claimed && this.options.identity !== undefined && this.said === undefined && this.client.said.name && !this.client.said.null) {
      this.client.reporter.hint("never null", () => new KmError("KM_IDENTITY_NEVER_NULL"));
    }
  }

  private keep(): void {
    // All of it guarded: this runs within the app's own `end`.
    this.guarded(() => {
      const session = this.exchange.session();
      if (session !== undefined && this.told !== undefined && session[SESSION_KEY] !== (this.told.identity ?? undefined)) {
        this.write(session, this.told.identity);
      }
    });
  }

  private write(session: Record<string, unknown>, identity: string | null): void {
    this.guarded(() => {
      // Some sessions are a Proxy that hears of what is set, and not of what is deleted.
      session[SESSION_KEY] = identity ?? undefined;
      if (identity === null) delete session[SESSION_KEY];
    });
  }

  private answer(): string | null | undefined {
    const raw = this.guarded(() =>
      this.options.identity === undefined ? this.exchange.session()?.[SESSION_KEY] : this.options.identity(this.native),
    );
    if (this.asked && Object.is(raw, this.raw)) return this.said;
    this.asked = true;
    this.raw = raw;
    if (raw === false) this.uncounted = true;
    if (raw === false || raw === undefined) return undefined;
    if (raw === null) {
      if (this.options.identity === undefined) return undefined;
      this.client.said.null = true;
      return null;
    }
    const text = identityText(raw);
    if (text instanceof KmError) {
      const detail = isPromise(raw) ? "a promise; identity must answer at once" : text.detail;
      return this.complain(new KmError(text.code === "KM_IDENTITY_EMPTY" ? "KM_IDENTITY_JUNK" : text.code, detail));
    }
    if (this.isJunk(text)) return this.complain(new KmError("KM_IDENTITY_JUNK", text));
    this.client.said.name = true;
    return text;
  }

  /** An answer that is no identity counts as none. Said once a request, however often it is asked. */
  private complain(error: KmError): undefined {
    if (!this.complained) this.client.reporter.report(error);
    this.complained = true;
    return undefined;
  }
}

/** A promise of whatever realm: of edge runtimes and test runners `instanceof` knows only half. Not of any thenable, since asking one for its end may begin a query. */
function isPromise(value: unknown): value is Promise<unknown> {
  return Object.prototype.toString.call(value) === "[object Promise]";
}
