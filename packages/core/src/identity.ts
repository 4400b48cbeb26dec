import { v5, v7 } from "uuid";
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

/**
 * Whether an identity is a placeholder (`undefined`, `null`, `guest`, the nil UUID and the like, in any case). One such name would tie
 * thousands of strangers together. The option `junk` replaces this rule.
 *
 * @example
 * isJunk("[object Object]"); // true
 */
export function isJunk(identity: string): boolean {
  return identity.length <= 40 && junk.has(identity.trim().toLowerCase());
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

let pool = new Uint8Array(0);
let used = 0;

/** Sixteen random bytes from a pool: one call to the random generator serves 256 ids. */
function randomBytes(): Uint8Array {
  if (used === pool.length) {
    pool = crypto.getRandomValues(new Uint8Array(4096));
    used = 0;
  }
  used += 16;
  return pool.subarray(used - 16, used);
}

/** A fresh anonymous identity: a stamped UUIDv7 (RFC 9562 §5.7) with 58 random bits, since whoever knows it can pose as this visitor. */
export function mintAnonymous(): string {
  return stamped(v7({ random: randomBytes() }));
}

let last = 0;
let sequence = 0;

/** A new id of a command: a UUIDv7 whose counter makes the ids of one process sort in the order they were made, also within a millisecond. */
export function mintId(): string {
  const now = Date.now();
  const random = randomBytes();
  if (now > last) {
    last = now;
    // A random start with the highest bits clear leaves room for two thousand million ids before the counter would run over.
    sequence =
      (((random[6] as number) & 0x3f) << 24) | ((random[7] as number) << 16) | ((random[8] as number) << 8) | (random[9] as number);
  } else sequence += 1;
  return v7({ random, msecs: last, seq: sequence });
}
