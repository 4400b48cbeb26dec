import { randomBytes } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";
import { KmError } from "@kmkit/core";
import { type Change, changeKeys } from "./keychange.ts";
import { hashOf, isProductName, isValid, type KeyEntry, type KeyKind, keyFileOf, readKeyFile } from "./keyfile.ts";
import { productId } from "./keys.ts";

/** A key of a data directory, without its secret. Times are ISO 8601 in UTC. */
export interface KeyInfo {
  /** Names the key; no secret. */
  readonly id: string;
  /** How the key begins. */
  readonly start: string;
  readonly product: string;
  readonly kind: KeyKind;
  readonly label?: string;
  /** A browser key that may name people. */
  readonly trustBrowserIdentify: boolean;
  readonly created: string;
  /** From when on it is refused, where it has been replaced. */
  readonly expires?: string;
  /** Since when it is refused for good. */
  readonly revoked?: string;
  /** Whether it is taken now, and why not. */
  readonly state: "valid" | "expired" | "revoked";
}

/** What a new key shall be. */
export interface NewKey {
  /** 1 to 64 letters, digits, dots, dashes and underscores. A product is there as soon as it has a key. */
  readonly product: string;
  readonly kind: KeyKind;
  /** For people; at most 200 characters. */
  readonly label?: string;
  /** Only for browser keys. Default: false. */
  readonly trustBrowserIdentify?: boolean;
}

/** A key that has just been made. */
export interface MadeKey extends KeyInfo {
  /** The key itself: it is kept nowhere, so this is the only time it can be shown. */
  readonly key: string;
  /** Whether it is the first key of the directory, which ends that its collector is open to this machine. */
  readonly first: boolean;
  /** Whether its product had no key before. */
  readonly newProduct: boolean;
}

/** Lower case without letters that look like others (Crockford's): safe in URLs, and read out without mistakes. 32 of them, so no byte favours one. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const random = (length: number): string => Array.from(randomBytes(length), (byte) => alphabet[byte & 31]).join("");

/** Random characters of a key: 160 bits. */
const SECRET = 32;
/** How many of them are kept to recognise it by; the others are 140 bits. */
const SHOWN = 4;
const LONGEST_LABEL = 200;
/** Fewest characters of an id that stand for it: a slip must not revoke anybody's. */
const SHORTEST = 3;

/**
 * Makes a key, and the directory if it is not there yet: a collector on other than a loopback address needs one before it starts. A running collector
 * takes it within a second. Throws KM_PRODUCT_INVALID, KM_DATA_MISSING, and what stands at {@link rotateKey}.
 *
 * @example
 * const { key } = await createKey(".kmkit/data", { product: "shop", kind: "server" }); // "km_server_…"
 */
export async function createKey(directory: string, wanted: NewKey): Promise<MadeKey> {
  const { product, kind } = wanted;
  if (!isProductName(product)) throw new KmError("KM_PRODUCT_INVALID", product.slice(0, 80));
  await enter(directory, true);
  return changeKeys(keyFileOf(directory), (keys = []) => {
    const others = new Set(keys.map((key) => key.product));
    const same = [...others].find((other) => other !== product && productId(other) === productId(product));
    if (same !== undefined) throw new KmError("KM_PRODUCT_INVALID", `${product} would be one with ${same} in the store; take another name`);
    const label = wanted.label?.trim().slice(0, LONGEST_LABEL);
    const { key, entry } = make({ product, kind, ...(label && { label }), ...trustOf(wanted) }, keys);
    const result = { ...infoOf(entry), key, first: keys.length === 0, newProduct: !others.has(product) };
    return { keys: [...keys, entry], result };
  });
}

/**
 * The keys of a data directory, oldest first. Throws KM_KEYS_BROKEN and KM_DATA_MISSING.
 *
 * @example
 * for (const { id, product, state } of await listKeys(".kmkit/data")) console.log(id, product, state);
 */
export async function listKeys(directory: string): Promise<KeyInfo[]> {
  const keys = readKeyFile(keyFileOf(directory));
  if (keys === undefined) await enter(directory, false);
  return (keys ?? []).map((key) => infoOf(key));
}

/**
 * Makes a key of the same product and kind in the place of one, which is taken for `overlap` ms more (0: it ends at once).
 * Throws KM_KEY_UNKNOWN, KM_KEY_AMBIGUOUS, KM_KEY_ENDED, KM_KEYS_BROKEN, KM_KEYS_LOCKED, KM_KEYS_UNWRITABLE.
 *
 * @param which the id or its beginning, or the key itself
 * @example
 * const { made, replaced } = await rotateKey(".kmkit/data", "7k2m9xq4", 7 * 86_400_000);
 */
export async function rotateKey(directory: string, which: string, overlap: number): Promise<{ made: MadeKey; replaced: KeyInfo }> {
  return change(directory, which, (old, keys) => {
    const now = Date.now();
    if (!isValid(old, now)) throw new KmError("KM_KEY_ENDED", old.id);
    const { product, kind, label } = old;
    const { key, entry } = make({ product, kind, ...(label !== undefined && { label }), ...trustOf(old) }, keys);
    // A key that ends earlier already keeps to it.
    const end = Math.min(now + overlap, old.expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(old.expires));
    const replaced = { ...old, expires: new Date(end).toISOString() };
    const made = { ...infoOf(entry), key, first: false, newProduct: false };
    return { keys: [...exchange(keys, replaced), entry], result: { made, replaced: infoOf(replaced) } };
  });
}

/**
 * Revokes a key for good; a running collector refuses it within a second. Revoking it once more changes nothing (`already`).
 * Throws KM_KEY_UNKNOWN, KM_KEY_AMBIGUOUS, KM_KEYS_BROKEN, KM_KEYS_LOCKED, KM_KEYS_UNWRITABLE.
 *
 * @param which the id or its beginning, or the key itself
 * @example
 * const { key, left } = await revokeKey(".kmkit/data", "7k2m9xq4"); // left: valid keys of its product
 */
export async function revokeKey(directory: string, which: string): Promise<{ key: KeyInfo; already: boolean; left: number }> {
  return change(directory, which, (old, keys) => {
    const now = Date.now();
    const key = { ...old, revoked: old.revoked ?? new Date(now).toISOString() };
    const after = exchange(keys, key);
    const left = after.filter((one) => one.product === key.product && isValid(one, now)).length;
    return { keys: after, result: { key: infoOf(key), already: old.revoked !== undefined, left } };
  });
}

async function change<T>(directory: string, which: string, work: (key: KeyEntry, keys: readonly KeyEntry[]) => Change<T>): Promise<T> {
  await enter(directory, false);
  return changeKeys(keyFileOf(directory), (keys = []) => work(find(keys, which), keys));
}

/** A key by its id or the beginning of that, or by itself or its beginning: who has found one in a log knows nothing else of it. */
function find(keys: readonly KeyEntry[], which: string): KeyEntry {
  const hash = hashOf(which);
  const exact = keys.find((key) => key.id === which || key.hash === hash);
  if (exact !== undefined) return exact;
  // A whole key that is none of ours may begin like one.
  const found = keys.filter(
    ({ id, start }) =>
      (which.length >= SHORTEST && id.startsWith(which)) || (which.startsWith(start) && which.length < start.length - SHOWN + SECRET),
  );
  const [only, another] = found;
  // Of a whole key no more than its beginning.
  if (only === undefined) throw new KmError("KM_KEY_UNKNOWN", which.slice(0, 14));
  if (another !== undefined) throw new KmError("KM_KEY_AMBIGUOUS", `${only.id}, ${another.id}${found.length > 2 ? ", …" : ""}`);
  return only;
}

function exchange(keys: readonly KeyEntry[], by: KeyEntry): KeyEntry[] {
  return keys.map((key) => (key.id === by.id ? by : key));
}

function make(rest: Omit<KeyEntry, "id" | "hash" | "start" | "created">, keys: readonly KeyEntry[]): { key: string; entry: KeyEntry } {
  // The prefix tells people the kind, and programs that look for secrets in source code what they have found.
  const prefix = `km_${rest.kind}_`;
  const key = prefix + random(SECRET);
  let id = random(8);
  while (keys.some((other) => other.id === id)) id = random(8);
  const start = key.slice(0, prefix.length + SHOWN);
  return { key, entry: { id, hash: hashOf(key), start, ...rest, created: new Date().toISOString() } };
}

function trustOf({ kind, trustBrowserIdentify }: NewKey): { trustBrowserIdentify?: true } {
  return kind === "browser" && trustBrowserIdentify === true ? { trustBrowserIdentify } : {};
}

function infoOf(entry: KeyEntry): KeyInfo {
  const { hash: _, ...key } = entry;
  const state = key.revoked !== undefined ? "revoked" : isValid(entry, Date.now()) ? "valid" : "expired";
  return { ...key, trustBrowserIdentify: key.trustBrowserIdentify ?? false, state };
}

/** What a collector keeps in its directory; what was never one's is not filled with keys. */
const contents = ["store", "outbox", "keys.json", "admin-token"];

async function enter(directory: string, make: boolean): Promise<void> {
  try {
    const names = await readdir(directory).catch((cause): string[] => {
      if (make && cause.code === "ENOENT") return [];
      throw cause;
    });
    if (contents.some((name) => names.includes(name))) return;
    if (!make || names.length > 0) throw new KmError("KM_DATA_MISSING", directory);
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw cause instanceof KmError ? cause : new KmError("KM_DATA_MISSING", (cause as Error).message, cause);
  }
}
