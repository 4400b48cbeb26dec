import { stringifySetCookie } from "cookie";
import { derive, isOurCookie, stamped } from "./identity.ts";

/** The cookie of the anonymous identity, named as KISSmetrics names it. */
const IDENTITY_COOKIE = "km_ai";
/** Its companion, which says whose the anonymous identity is: `<its last 8 characters>.<claim>.<day of the last renewal>`. */
const CLAIM_COOKIE = "km_claim";
/** The day on which a free pair was renewed: `<last 8 characters of the identity>.<day>`; see {@link pairLines}. */
const DAY_COOKIE = "km_day";
/** KISSmetrics' own cookie of the identified name. */
const NAME_COOKIE = "km_ni";

/** Stands beside a pair that a proxy has put into the request for what comes after it, since the browser does not hold that pair yet. Never sent to a browser. */
const FORWARDED_COOKIE = "km_new";

/** Whose an anonymous identity is: `-` nobody's yet (free), `?` in doubt, or the 12 hex digits of {@link claimOf} (claimed). */
export type Claim = string;
export const FREE: Claim = "-";
export const DOUBT: Claim = "?";

/** The anonymous identity of a browser and its companion: always written together, so that answers in any order leave a matching pair. */
export interface Pair {
  readonly anonymous: string;
  readonly claim: Claim;
  /** Days since the epoch of the last renewal; 0 where nothing says so. */
  readonly day: number;
}

/** The claim of a name on an anonymous identity: it tells nothing of the name to whoever reads the cookie, and cannot be made without the key. */
export function claimOf(key: string, anonymous: string, name: string): Claim {
  return derive("claim", key, anonymous, name).replaceAll("-", "").slice(0, 12);
}

/** The anonymous identity that takes an anonymous identity's place for one name: parallel requests agree on it, and it can only ever be that name's. */
export function successor(key: string, pair: Pair, name: string): string {
  return stamped(derive("successor", key, pair.anonymous, pair.claim, name));
}

const claims = /^(.{8})\.(-|\?|[0-9a-f]{12})\.(\d{1,6})$/;

/**
 * The pair in a `Cookie` header, or undefined without a valid anonymous identity. Of several `km_ai` the first valid one counts, always the same,
 * with the first companion that matches it; without one it is in doubt. KISSmetrics' own identity has no companion: it is free where `km_ni` is
 * absent and otherwise claimed by the name there, which is evidence only and never a name to record under. Never throws, whatever stands there.
 */
export function readPair(header: string | undefined, key: string): Pair | undefined {
  if (!header?.includes(`${IDENTITY_COOKIE}=`)) return undefined;
  const cookies = cookiesOf(header);
  const anonymous = cookies.find(({ name, value }) => name === IDENTITY_COOKIE && isOurCookie(value))?.value;
  if (anonymous === undefined) return undefined;
  const tail = anonymous.slice(-8);
  const renewed = cookies.find(({ name, value }) => name === DAY_COOKIE && value.startsWith(`${tail}.`))?.value;
  let accompanied = false;
  for (const { name, value } of cookies) {
    if (name !== CLAIM_COOKIE) continue;
    accompanied = true;
    const [, whose, claim, day] = claims.exec(value) ?? [];
    if (whose !== tail || claim === undefined) continue;
    return { anonymous, claim, day: Math.max(Number(day), claim === FREE ? dayOf(renewed) : 0) };
  }
  if (anonymous.length === 36 || accompanied) return { anonymous, claim: DOUBT, day: 0 };
  const named = cookies.find(({ name }) => name === NAME_COOKIE)?.value;
  return { anonymous, claim: named === undefined ? FREE : claimOf(key, anonymous, named), day: dayOf(renewed) };
}

function dayOf(renewed: string | undefined): number {
  return /^\d{1,6}$/.test(renewed?.slice(9) ?? "") ? Number(renewed?.slice(9)) : 0;
}

/** Whether the pair in the header is not the browser's own yet. Whoever says so falsely only puts off an alias of theirs. */
export function isForwarded(header: string | undefined): boolean {
  return header?.includes(`${FORWARDED_COOKIE}=`) === true;
}

/** The `Cookie` header with this pair in place of what it says of one: for what comes after a proxy in the same request. */
export function withPair(header: string | null | undefined, pair: Pair): string {
  const tail = pair.anonymous.slice(-8);
  const ours = [`${IDENTITY_COOKIE}=${pair.anonymous}`, `${CLAIM_COOKIE}=${tail}.${pair.claim}.${pair.day}`, `${FORWARDED_COOKIE}=1`];
  const names = [IDENTITY_COOKIE, CLAIM_COOKIE, DAY_COOKIE, FORWARDED_COOKIE];
  const rest = (header ?? "").split(";").filter((part) => part.trim() !== "" && !names.includes(part.split("=", 1)[0]?.trim() ?? ""));
  return [...ours, ...rest.map((part) => part.trim())].join("; ");
}

/** Whether one of our cookies, valid or not, stands in the header. */
export function hasCookies(header: string | undefined): boolean {
  return header !== undefined && cookiesOf(header).some(({ name }) => name !== NAME_COOKIE);
}

/**
 * Those of our cookies that stand in a header, and KISSmetrics' name; all of them: the package `cookie` keeps only the first of a name, which may be
 * a broken twin. A value that cannot be decoded is none.
 */
function cookiesOf(header: string): { readonly name: string; readonly value: string }[] {
  const out: { name: string; value: string }[] = [];
  // Every request with cookies comes through here: what is not ours is not cut out of the header.
  for (let at = header.indexOf("km_"); at >= 0; at = header.indexOf("km_", at + 1)) {
    const before = header.lastIndexOf(";", at) + 1;
    const equals = header.indexOf("=", at);
    if (equals < 0) break;
    if (before < at && header.slice(before, at).trim() !== "") continue;
    const name = nameIn(header, at, equals);
    if (name === undefined) continue;
    const semicolon = header.indexOf(";", equals);
    const text = header.slice(equals + 1, semicolon < 0 ? undefined : semicolon).trim();
    const raw = text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
    try {
      out.push({ name, value: raw.includes("%") ? decodeURIComponent(raw) : raw });
    } catch {
      // The neighbour's broken cookie comes with every request of that browser: it is no reason to say anything.
    }
  }
  return out;
}

const names = [IDENTITY_COOKIE, CLAIM_COOKIE, DAY_COOKIE, NAME_COOKIE];

/** Which of the names stands there, with nothing but space behind it. */
function nameIn(header: string, start: number, end: number): string | undefined {
  return names.find((name) => header.startsWith(name, start) && /^\s*$/.test(header.slice(start + name.length, end)));
}

/** How our cookies are written. */
export interface CookieOptions {
  /** A parent domain to share the cookies with sub-domains, such as `.shop.example`; ignored on localhost and IP hosts. Default: this host only. */
  domain?: string;
  /** Default `/`, also in a sub-app. */
  path?: string;
  /** Default `lax`. `strict` is not offered: whoever comes by a link from elsewhere would seem new, and their cookies be overwritten. */
  sameSite?: "lax" | "none";
  /** Default true. False lets page scripts read the anonymous identity (beside KISSmetrics' own script). */
  httpOnly?: boolean;
  /** Seconds; default 400 days, the most that browsers keep. */
  maxAge?: number;
}

/** What of a pair an answer writes: all of it, or only its renewal (`day`). */
export type Writing = "pair" | "day";

/**
 * The `Set-Cookie` lines that put a pair into the browser, or with `undefined` expire our cookies. `domain` is the one that applies to this host.
 *
 * The claim `-` is written once, with a freshly minted identity, and never again: the renewal of a free pair touches `km_ai` and `km_day` alone.
 * Otherwise a late answer could set a pair free that a log in has claimed meanwhile, and the next name would be tied to it as well (the histories
 * in the tests find that). The price: who stays anonymous for more than the 400 days of that cookie is in doubt when they log in.
 */
export function pairLines(
  pair: Pair | undefined,
  options: CookieOptions,
  secure: boolean,
  domain: string | undefined,
  writing: Writing = "pair",
): string[] {
  const line = (name: string, value: string) => `${name}=${encodeURIComponent(value)}${attributes(options, secure, domain, false)}`;
  const gone = (scope: string | undefined) =>
    [IDENTITY_COOKIE, CLAIM_COOKIE, DAY_COOKIE].map((name) => `${name}=${attributes(options, secure, scope, true)}`);
  // A host-only twin would be sent beside the shared one, and which comes first is the browser's choice.
  const twins = domain === undefined ? [] : gone(undefined);
  if (pair === undefined) return [...twins, ...gone(domain)];
  const tail = pair.anonymous.slice(-8);
  const companion = writing === "pair" ? line(CLAIM_COOKIE, `${tail}.${pair.claim}.${pair.day}`) : line(DAY_COOKIE, `${tail}.${pair.day}`);
  return [...twins, line(IDENTITY_COOKIE, pair.anonymous), companion];
}

/** What follows the value in a `Set-Cookie` line, by the app's options: it is the same with every answer. */
const written = new WeakMap<CookieOptions, (string | undefined)[]>();

function attributes(options: CookieOptions, secure: boolean, scope: string | undefined, gone: boolean): string {
  const known = written.get(options) ?? [];
  // All that one app's answers differ in.
  const kind = (secure ? 1 : 0) + (gone ? 2 : 0) + (scope === undefined ? 0 : 4);
  const text = known[kind];
  if (text !== undefined) return text;
  const made = stringifySetCookie({
    name: "n",
    value: "",
    path: options.path ?? "/",
    sameSite: options.sameSite ?? "lax",
    httpOnly: options.httpOnly ?? true,
    // Browsers drop SameSite=None without Secure.
    secure: secure || options.sameSite === "none",
    maxAge: gone ? 0 : (options.maxAge ?? 34_560_000),
    ...(scope === undefined ? {} : { domain: scope }),
  }).slice("n=".length);
  known[kind] = made;
  written.set(options, known);
  return made;
}

/**
 * The `domain` that may be written for this host: undefined on localhost, on IP addresses, and on hosts outside the domain, where browsers would
 * drop the cookie and make each request a new visitor.
 */
export function applicableDomain(domain: string, host: string | undefined): string | undefined {
  const bare = domain.replace(/^\./, "").toLowerCase();
  const name = (host ?? "").toLowerCase().replace(/:\d+$/, "");
  if (!bare.includes(".") || name.startsWith("[") || /^[\d.]+$/.test(name)) return undefined;
  return name === bare || name.endsWith(`.${bare}`) ? bare : undefined;
}
