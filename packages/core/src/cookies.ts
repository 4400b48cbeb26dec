import { KmError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { applicableDomain, type CookieOptions, type Pair, pairLines, type Writing } from "./pair.ts";
import type { Reporter } from "./report.ts";

/** An app's cookies without options. One object for all: what is written of it is remembered. */
const plain: CookieOptions = {};

/** Puts a pair, or with `undefined` the end of our cookies, on the answer, by the app's options and for the host that was asked. */
export function writeCookies(
  exchange: Exchange,
  options: CookieOptions | undefined,
  reporter: Reporter,
  pair: Pair | undefined,
  writing: Writing,
): void {
  const cookie = options ?? plain;
  const { domain } = cookie;
  let scope: string | undefined;
  if (domain !== undefined) {
    const host = exchange.header("host");
    scope = applicableDomain(domain, host);
    if (scope === undefined) reporter.hint("cookie domain", () => new KmError("KM_COOKIE_DOMAIN_IGNORED", `${domain} on ${host}`));
  }
  for (const line of pairLines(pair, cookie, exchange.secure, scope, writing)) exchange.setCookie(line);
}
