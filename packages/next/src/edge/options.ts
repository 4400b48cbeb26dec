import { type Client, type ClientOptions, KmError, type RequestOptions, type SessionIdentity } from "@kmkit/core";

/** What the options' callbacks get, wherever in Next they are called: a `NextRequest` or, in a component or an action, what `headers()` and `cookies()` give. */
export interface NextNative {
  readonly headers: Pick<Headers, "get" | "has">;
  readonly cookies: { get(name: string): { readonly name: string; readonly value: string } | undefined };
}

/** Options of everything in this package; every one has a default. See `RequestOptions` and `ClientOptions` of `@kmkit/core`. */
export interface NextOptions extends ClientOptions, Omit<RequestOptions<NextNative>, "identity"> {
  /**
   * Who is logged in; it may answer with a promise. Return `null` when nobody is, so that a log out is seen; `undefined` where it is not known;
   * `false` for requests that must not count. It is asked once a request, and again when the request has set a cookie.
   *
   * @example
   * createNextKm({ identity: async () => (await auth())?.user?.id ?? null })
   */
  identity?(native: NextNative): SessionIdentity | Promise<SessionIdentity>;
  /**
   * Keep also what components record when React renders them for a client-side navigation, a refresh or after an action; prefetches never count.
   * Default false: only page loads count, since Next renders a page for a navigation or takes it from the browser's cache as it sees fit.
   */
  navigation?: boolean;
  /** A client to share, instead of the client's own options. */
  client?: Client;
}

/**
 * What the `identity` option has said in one request. Core wants an answer at once: one that comes by promise is awaited here, before core needs it,
 * and core gets what it said last.
 */
export class SessionAnswer {
  /** The options for core. */
  readonly request: RequestOptions<NextNative>;
  private identity: NextOptions["identity"];
  private asking: Promise<void> | undefined;
  private later = false;
  private said: SessionIdentity;

  constructor(options: NextOptions) {
    const { identity, ...rest } = options;
    this.identity = identity;
    const now = (native: NextNative) => (this.later ? this.said : (this.identity?.(native) as SessionIdentity));
    // Absent as long as no layer of the request has the option.
    this.request = Object.defineProperty({ ...rest }, "identity", { get: () => this.identity && now }) as RequestOptions<NextNative>;
  }

  /** Asks once a request. What the option throws to Next (`redirect()`, a page that turns out to be dynamic) goes on to Next. */
  async ask(options: NextOptions, native: NextNative, client: () => Client): Promise<void> {
    this.identity ??= options.identity;
    if (this.identity === undefined) return;
    // Of components that are rendered side by side each waits for the answer.
    this.asking ??= this.listen(native, client);
    await this.asking;
  }

  /**
   * Asks again, with the request as `changed` makes it, if that is another one. Also an option that answers at once: core would ask it about the
   * request as it came.
   */
  async askAgain(client: () => Client, changed: () => Promise<NextNative | undefined>): Promise<void> {
    const native = this.asking === undefined ? undefined : await changed();
    if (native === undefined) return;
    try {
      await this.listen(native, client);
      this.later = true;
    } catch {
      // The handler has answered by now: a redirect() of the option's ("nobody is logged in") must not take the place of that answer.
    }
  }

  private async listen(native: NextNative, client: () => Client): Promise<void> {
    try {
      const answer = this.identity?.(native);
      // Not by instanceof: a promise may come from another realm.
      this.later = typeof (answer as Promise<unknown> | undefined)?.then === "function";
      this.said = await answer;
    } catch (cause) {
      this.later = true;
      this.said = undefined;
      if (isControlFlow(cause)) throw cause;
      client().reporter.report(new KmError("KM_IDENTITY_FAILED", cause instanceof Error ? cause.message : String(cause), cause));
    }
  }
}

/**
 * Whether Next ends something by this error: `redirect()`, `notFound()`, a page that turns out to be dynamic, a prerendering that is given up. Next's
 * own `unstable_rethrow` stands in `next/navigation`, which Next replaces in route handlers and components, but not where Node's loader would find it
 * (`next/navigation.js`): there it pulls in the client's half and the build fails.
 */
export function isControlFlow(thrown: unknown): boolean {
  if (typeof thrown !== "object" || thrown === null) return false;
  const { digest, code } = thrown as { digest?: unknown; code?: unknown };
  return typeof digest === "string" || code === "NEXT_STATIC_GEN_BAILOUT" || "$$typeof" in thrown;
}
