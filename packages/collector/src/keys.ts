import { createHash, timingSafeEqual } from "node:crypto";
import { KmError } from "@kmkit/core";
import { hashOf, type KeyEntry, type KeyKind } from "./keyfile.ts";

/** A key by which commands come in, as a program gives it; those of `kmkit keys` stand in the data directory. */
export interface Key {
  readonly key: string;
  /** The product whose commands it brings. */
  readonly product: string;
  /** `server`: secret, may name anybody. `browser`: public, anonymous identities only. Both only write. */
  readonly kind: KeyKind;
  /** A browser key that may name people, as KISSmetrics' keys may. Default: false. */
  readonly trustBrowserIdentify?: boolean;
}

/** Whom a key lets in, and for what. The same object for the same key, as long as nothing about the key changes. */
export interface Writer {
  /** The number of the product in the store. */
  readonly product: number;
  /** The product's name. */
  readonly name: string;
  readonly kind: KeyKind;
  /** Whether a browser key may name people. */
  readonly trust: boolean;
}

/** The admin token, or where it is found once it is needed: a collector that is open needs none. */
export type Admin = string | (() => string | undefined);

/** Who may write and read. */
export interface Access {
  /** Whom a key lets in, or undefined for a key that is not ours, or no longer. */
  writer(key: string | undefined): Writer | undefined;
  /** Whether a request with this `Authorization` header may read. */
  mayRead(authorization: string | undefined): boolean;
  /** The id of the product that a read names; without a name the only one there is. */
  productNamed(name: string | undefined): number | undefined;
  /** No keys are configured: everything is open to this machine, and to no other. Ends with the first key, for good. */
  readonly open: boolean;
}

/** Access rules whose keys of the data directory may change. */
export interface ChangingAccess extends Access {
  /** From now on these are the keys of the data directory, beside those that were given. Throws KM_KEYS_BROKEN, and changes nothing. */
  take(entries: readonly KeyEntry[]): void;
  /** Forgets the text of keys whose time is over. */
  forgetExpired(): void;
}

/** The product and key of a collector without configuration (`architecture.md` §10). */
const LOCAL = "local";
/** Most keys that are held as they were sent. */
const MOST_RECENT = 1000;
/** Longest key that is looked up, in characters: a hash of the whole body is no stranger's to ask for. */
const LONGEST_KEY = 1024;

/** A product's number in the store: 32 bits of its name's hash, so that it is the same in every collector and after every restart. */
export function productId(name: string): number {
  return createHash("sha256").update(name).digest().readUInt32BE(0);
}

/** The numbers of some products. Throws KM_KEYS_BROKEN where two of them would be one in the store (one pair in four billion is). */
function productIds(names: Iterable<string>): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  const byId = new Map<number, string>();
  for (const name of names) {
    const id = productId(name);
    const other = byId.get(id) ?? name;
    if (other !== name)
      throw new KmError("KM_KEYS_BROKEN", `the products ${other} and ${name} have one number in the store: call one otherwise`);
    ids.set(name, id);
    byId.set(id, name);
  }
  return ids;
}

/** A writer, and until when (ms since the epoch). */
interface Pass {
  readonly writer: Writer;
  readonly until: number;
}

/**
 * The access rules for some keys, an admin token, and the keys of the data directory (see {@link ChangingAccess.take}). Without any keys: product and
 * key `local`, and reading needs no token.
 */
export function createAccess(keys: readonly Key[], admin: Admin | undefined): ChangingAccess {
  return new KeyAccess(keys, admin);
}

class KeyAccess implements ChangingAccess {
  open: boolean;
  private readonly keys: readonly Key[];
  private readonly admin: Admin | undefined;
  private token: Buffer | undefined;
  private products: ReadonlyMap<string, number> = new Map();
  private only: number | undefined;
  // By hash, so that the time a look-up takes tells nothing of a key.
  private passes: ReadonlyMap<string, Pass> = new Map();
  // Keys that were right a moment ago: their senders know them already, and hashing would cost more than all the rest of a small call.
  private readonly recent = new Map<string, Pass>();

  constructor(keys: readonly Key[], admin: Admin | undefined) {
    this.keys = keys;
    this.admin = admin;
    this.open = keys.length === 0;
    this.use(this.open ? [{ key: LOCAL, product: LOCAL, kind: "server" }] : keys, []);
  }

  take(entries: readonly KeyEntry[]): void {
    this.use(this.keys, entries);
    // Also where all of them are revoked: who revokes the last key wants nobody in, rather than everybody.
    this.open = false;
  }

  private use(given: readonly Key[], entries: readonly KeyEntry[]): void {
    const names = new Set([...given, ...entries].map(({ product }) => product));
    // What came for a product is still to be read when its keys are gone, as is what came while the collector was open.
    const products = productIds([...this.products.keys(), ...names]);
    const passes = new Map<string, Pass>();
    const admit = (hash: string, key: Omit<Key, "key">, until: number): void => {
      const { product: name, kind, trustBrowserIdentify: trust = false } = key;
      const writer = { product: products.get(name) as number, name, kind, trust };
      const before = this.passes.get(hash)?.writer;
      passes.set(hash, { writer: before !== undefined && isSame(before, writer) ? before : writer, until });
    };
    for (const key of given) admit(hashOf(key.key), key, Number.POSITIVE_INFINITY);
    // After those that were given: should one be both (an app's KMKIT_KEY in the collector's environment), its entry and its end count.
    for (const entry of entries) {
      if (entry.revoked !== undefined) passes.delete(entry.hash);
      else admit(entry.hash, entry, entry.expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(entry.expires));
    }
    this.recent.clear();
    this.passes = passes;
    this.products = products;
    this.only = names.size === 1 ? products.get([...names][0] as string) : undefined;
  }

  forgetExpired(): void {
    const now = Date.now();
    for (const [key, { until }] of this.recent) if (until <= now) this.recent.delete(key);
  }

  writer(key: string | undefined): Writer | undefined {
    // An empty key is a variable that was left unset, and none: whoever sends nothing would send the right one.
    if (!key) return undefined;
    const pass = this.recent.get(key) ?? this.look(key);
    if (pass === undefined) return undefined;
    if (pass.until === Number.POSITIVE_INFINITY || Date.now() < pass.until) return pass.writer;
    this.recent.delete(key);
    return undefined;
  }

  private look(key: string): Pass | undefined {
    const pass = key.length > LONGEST_KEY ? undefined : this.passes.get(hashOf(key));
    if (pass === undefined) return undefined;
    if (this.recent.size >= MOST_RECENT) this.recent.clear();
    this.recent.set(key, pass);
    return pass;
  }

  mayRead(authorization: string | undefined): boolean {
    const token = this.tokenHash();
    if (token === undefined) return this.open;
    return timingSafeEqual(Buffer.from(hashOf(bearer(authorization) ?? "")), token);
  }

  private tokenHash(): Buffer | undefined {
    if (this.token !== undefined) return this.token;
    const { admin } = this;
    const token = typeof admin === "function" ? (this.open ? undefined : admin()) : admin;
    // An empty one is none, as with keys.
    if (token) this.token = Buffer.from(hashOf(token));
    return this.token;
  }

  productNamed(name: string | undefined): number | undefined {
    return name === undefined ? this.only : this.products.get(name);
  }
}

function isSame(a: Writer, b: Writer): boolean {
  return a.product === b.product && a.kind === b.kind && a.trust === b.trust;
}

/** The token of an `Authorization: Bearer` header (RFC 6750). */
export function bearer(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)\s*$/i.exec(authorization ?? "")?.[1];
}
