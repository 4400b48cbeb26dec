import { v5 } from "uuid";
import { KmError } from "./errors.ts";

/** Our namespace for every derived UUIDv5 (itself a UUIDv5 of `kmkit` in RFC 9562's DNS namespace). */
export const NAMESPACE = "01b0c38c-8be4-5ab5-8977-522ceaad9571";

/** UUID version 7 (minted by us) or 5 (derived by us), lower case. Version 4 is left out on purpose: apps use those as user ids. */
const ours = /^[0-9a-f]{8}-[0-9a-f]{4}-[57][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** KISSmetrics' own: base64 of 20 random bytes (`kissmetrics.md` §4.2). */
const kissmetrics = /^[A-Za-z0-9+/]{27}=$/;

/**
 * Whether an identity has the form of an anonymous one: ours (UUIDv7 or UUIDv5) or KISSmetrics' (base64 of 20 bytes). Everything else is named.
 *
 * @example
 * isAnonymous("0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11"); // true
 * isAnonymous("bob@bob.com");                          // false
 */
export function isAnonymous(identity: string): boolean {
  return identity.length === 36 ? ours.test(identity) : identity.length === 28 && kissmetrics.test(identity);
}

/**
 * Whether an identity may stand in `km_ai`: one that we stamped, or KISSmetrics' own. Many apps use UUIDv7 as user ids, which are no secret: without
 * the stamp whoever writes somebody's id into the cookie would be taken for them, and be tied to them by logging in.
 *
 * @example
 * isOurCookie(mintAnonymous());                        // true
 * isOurCookie("0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11"); // false: somebody's UUIDv7
 */
export function isOurCookie(identity: string): boolean {
  return isAnonymous(identity) && (identity.length === 28 || identity === stamped(identity));
}

/**
 * A UUID whose last four digits are a checksum (FNV-1a, folded to 16 bits) of the others. It is no secret and no signature: it only keeps other
 * people's UUIDs from being taken for anonymous identities of ours.
 */
export function stamped(uuid: string): string {
  const body = uuid.slice(0, 32);
  let hash = 0x811c9dc5;
  for (let at = 0; at < body.length; at += 1) hash = Math.imul(hash ^ body.charCodeAt(at), 0x01000193);
  return body + (((hash >>> 16) ^ hash) & 0xffff).toString(16).padStart(4, "0");
}

/** Texts that programs write when they mean nobody (`architecture.md` §5, "Junk"). Compared trimmed and in lower case. */
const junk = new Set([
  ...[
    "",
    "undefined",
    "null",
    "nil",
    "none",
    "nan",
    "true",
    "false",
    "0",
    "-1",
    "guest",
    "anonymous",
    "anon",
    "unknown",
    "user",
    "visitor",
  ],
  ...[
    "n/a",
    "na",
    "-",
    "[object object]",
    "[object undefined]",
    "[object null]",
    "(null)",
    "(none)",
    "(not set)",
    "not set",
    "undefined undefined",
  ],
  ...["anonymous user", "anonymoususer", "guest user", "guestuser", "logged out", "no user", "id", "distinct_id", "email", "test@test"],
  ...["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
]);

/** With which letters (a bit each, by the last five of the code) the placeholders of a length begin: most identities need no closer look. */
const beginnings = new Uint32Array(41);
for (const text of junk) beginnings[text.length] = (beginnings[text.length] as number) | (1 << (text.charCodeAt(0) & 31));

/**
 * Whether an identity is a placeholder (`undefined`, `null`, `guest`, the nil UUID and the like, in any case). One such name would tie
 * thousands of strangers together. The option `junk` replaces this rule.
 *
 * @example
 * isJunk("[object Object]"); // true
 */
export function isJunk(identity: string): boolean {
  const { length } = identity;
  if (length > 40) return false;
  const first = identity.charCodeAt(0);
  const trimmed = first > 32 && first < 127 && identity.charCodeAt(length - 1) > 32;
  if (trimmed && ((beginnings[length] as number) & (1 << (first & 31))) === 0) return false;
  return junk.has(identity.trim().toLowerCase());
}

/**
 * The text of an identity as the app hands it in: text as it is, numbers and bigints as text, anything else refused.
 * Returns a {@link KmError} instead of throwing. An identity is never cut or mended: two people could come to share what is left.
 *
 * @example
 * identityText(42); // "42"
 */
export function identityText(value: unknown): string | KmError {
  const text = typeof value === "number" || typeof value === "bigint" ? String(value) : value;
  if (typeof text !== "string") return new KmError("KM_IDENTITY_INVALID", text === null ? "null" : typeof text);
  if (text.length === 0) return new KmError("KM_IDENTITY_EMPTY");
  if (text.length > 255)
    return new KmError("KM_IDENTITY_TOO_LONG", `${text.length} characters, beginning ${text.slice(0, 20).toWellFormed()}`);
  return text.isWellFormed() ? text : new KmError("KM_IDENTITY_INVALID", "it has a lone surrogate");
}

/** A UUIDv5 of some parts in our namespace: the same parts give the same id, everywhere and for ever. Parts cannot run into each other. */
export function derive(...parts: readonly string[]): string {
  return v5(JSON.stringify(parts), NAMESPACE);
}

const digits = "0123456789abcdef";
/** Two hex digits of each byte. */
const hex: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Random hex digits: one call to the random generator serves hundreds of ids. */
let pool = "";
let used = 0;
const ascii = new TextDecoder();

/** Makes sure that so many digits are in the pool, and returns where they begin. */
function randomDigits(count: number): number {
  if (used + count > pool.length) {
    const random = crypto.getRandomValues(new Uint8Array(8192));
    for (let at = 0; at < random.length; at += 1) random[at] = digits.charCodeAt((random[at] as number) & 15);
    // In one piece: put together from its digits it would be thousands of little texts, hundreds of bytes for each command.
    pool = ascii.decode(random);
    used = 0;
  }
  used += count;
  return used - count;
}

/**
 * A UUIDv7 (RFC 9562 §5.7) written straight as text, since every command has one: the package `uuid` makes the bytes first and takes twice as long.
 *
 * @param middle the 12 bits behind the version, as three hex digits
 */
function version7(time: string, middle: string): string {
  const at = randomDigits(16);
  // The variant is the two bits `10`.
  const variant = "89ab"[pool.charCodeAt(at) & 3];
  return `${time}-7${middle}-${variant}${pool.slice(at + 1, at + 4)}-${pool.slice(at + 4, at + 16)}`;
}

let last = 0;
/** `last` as it stands at the beginning of a UUIDv7: 48 bits of milliseconds. */
let lastText = "";
let counter = 0xfff;

function tick(ms: number): void {
  last = ms;
  const digits = ms.toString(16).padStart(12, "0");
  lastText = `${digits.slice(0, 8)}-${digits.slice(8)}`;
  counter = Math.floor(Math.random() * 1024);
}

/** A fresh anonymous identity: a stamped UUIDv7 (RFC 9562 §5.7) with 58 random bits, since whoever knows it can pose as this visitor. */
export function mintAnonymous(): string {
  const now = Date.now();
  if (now > last) tick(now);
  const at = randomDigits(3);
  return stamped(version7(lastText, pool.slice(at, at + 3)));
}

/**
 * A new id of a command: a UUIDv7 whose counter makes the ids of one process sort in the order they were made, also within a millisecond. It begins
 * at random below 1,024; where 3,000 ids in a millisecond use it up, the time runs ahead of the clock (RFC 9562 §6.2).
 *
 * @param now ms since the epoch
 */
export function mintId(now: number = Date.now()): string {
  if (now > last || counter === 0xfff) tick(Math.max(now, last + 1));
  else counter += 1;
  return version7(lastText, `${hex[counter >> 4]}${hex[(counter & 15) << 4]?.[0]}`);
}
