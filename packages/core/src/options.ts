import type { Client } from "./client.ts";
import type { Report } from "./errors.ts";
import type { Transport } from "./outbox.ts";
import type { CookieOptions } from "./pair.ts";

/** Options of a client. Every one has a default; `km()` alone works in development. */
export interface ClientOptions {
  /** Where the collector is. Node: `KMKIT_URL`, else `http://127.0.0.1:8787`. */
  url?: string;
  /** The product's server key; also the secret that cookies' claims are made with. Node: `KMKIT_KEY`, else `local`. */
  key?: string;
  /** The directory in which commands wait; `false`: in memory. Node: `KMKIT_OUTBOX`, else `.kmkit/outbox`. */
  outbox?: string | false;
  /** Most bytes that may wait; beyond it the newest commands are refused and counted. Default 256 MiB, in memory 32 MiB. */
  maxBytes?: number;
  /** Carries batches elsewhere than to a collector. */
  transport?: Transport;
  /** Used for sending instead of the platform's own. */
  fetch?: typeof fetch;
  /** Is handed every error. Default: each code is printed once. */
  onError?: Report;
}

/** Who is behind a request, as the app knows it: a name, `null` (nobody is logged in), `undefined` (not known here), `false` (does not count). */
export type SessionIdentity = string | number | bigint | null | undefined | false;

/** Options of the middleware. `Native` is the framework's own request or context. Nothing else is an option. */
export interface RequestOptions<Native> {
  /**
   * Who is logged in; best a stable id. Return `null` when nobody is, so that a log out is seen; `undefined` on routes that do not authenticate;
   * `false` for requests that must not count (staff acting as a customer). Default: `session.km_identity`, which `identify()` writes.
   *
   * @example
   * km({ identity: (req) => req.user?.id ?? null })
   */
  identity?(native: Native): SessionIdentity;
  /** The anonymous identity of a client without cookies (a mobile app's header); the same form is demanded as of the cookie. */
  anonymous?(native: Native): string | undefined;
  /** `true`: consented; `false`: refused (nothing is kept, our cookies expire); `undefined`: not asked yet (no cookie, nothing anonymous). */
  consent?(native: Native): boolean | undefined;
  /** Which user agents of visitors are crawlers, in place of the built-in list. */
  bots?: (userAgent: string) => boolean;
  /** Leave out anonymous visitors who send `Sec-GPC: 1`. Default true. */
  gpc?: boolean;
  /** Leave out anonymous visitors who send `DNT: 1`. Default false. */
  dnt?: boolean;
  /** Count prefetches as if somebody looked at the page. Default false. */
  prefetch?: boolean;
  /** Which identities are placeholders, in place of the built-in list. */
  junk?: (identity: string) => boolean;
  /** How our cookies are written. */
  cookie?: CookieOptions;
}

/** Options of a middleware: those of the request, and either `client` or those of the client it makes. */
export interface KmOptions<Native> extends ClientOptions, RequestOptions<Native> {
  /** A client to share, instead of the client's own options; `km(client)` is short for it. */
  client?: Client;
}

/** The client and the request options of what was handed to `km()`; `make` makes a client where none was given. */
export function clientOf<Native>(
  options: KmOptions<Native> | Client,
  make: (options: ClientOptions) => Client,
): { client: Client; options: RequestOptions<Native> } {
  // Not by instanceof: the client may come from another copy of the package.
  if ("as" in options) return { client: options, options: {} };
  return { client: options.client ?? make(options), options };
}
