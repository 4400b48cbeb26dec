import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { KmError } from "@kmkit/core";

/**
 * What a key is for. `server`: secret, it may name anybody. `browser`: it stands in pages, so everybody has it, and it may record only under
 * anonymous identities. Both only write.
 */
export type KeyKind = "server" | "browser";

/** A key as it stands in the file: everything but the key itself. Times are ISO 8601 in UTC. */
export interface KeyEntry {
  /** Eight characters by which people name it; no secret. */
  readonly id: string;
  /**
   * SHA-256 of the key, in hex. Fast and without salt, which would be wrong for passwords: a key is 160 random bits of ours, so that there is
   * nothing to guess and no two are equal, and every first call with a key has to look its hash up.
   */
  readonly hash: string;
  /** How the key begins, to be recognised by. */
  readonly start: string;
  readonly product: string;
  readonly kind: KeyKind;
  readonly created: string;
  /** From when on it is refused, where it has been replaced. */
  readonly expires?: string;
  /** Since when it is refused for good. */
  readonly revoked?: string;
  readonly label?: string;
  /** A browser key that may name people, as KISSmetrics' keys may. */
  readonly trustBrowserIdentify?: boolean;
}

/** The only form of the file there is so far. */
const VERSION = 1;
/** Most bytes of the file: ten thousand keys are 3 MB. */
const MOST_BYTES = 8 << 20;

/** The file of keys of a data directory. */
export function keyFileOf(directory: string): string {
  return join(directory, "keys.json");
}

/** The hash of a key as it stands in the file. */
export function hashOf(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Whether a key is taken at a moment (ms since the epoch). */
export function isValid({ revoked, expires }: KeyEntry, now: number): boolean {
  return revoked === undefined && (expires === undefined || now < Date.parse(expires));
}

/** The keys of a file, or undefined where there is no file. Throws KM_KEYS_BROKEN where it cannot be read or is not understood to the last word. */
export function readKeyFile(file: string): readonly KeyEntry[] | undefined {
  let text: string;
  try {
    const descriptor = openSync(file, "r");
    try {
      if (fstatSync(descriptor).size > MOST_BYTES) throw new KmError("KM_KEYS_BROKEN", `${file}: it is larger than ${MOST_BYTES} bytes`);
      text = readFileSync(descriptor, "utf8");
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw cause instanceof KmError ? cause : new KmError("KM_KEYS_BROKEN", message, cause);
  }
  const found = parseKeys(text);
  // The text of a JSON error quotes what stands there.
  if (typeof found === "string") throw new KmError("KM_KEYS_BROKEN", `${file}: ${found}`);
  return found;
}

/** The text of a file with these keys. */
export function keyFileText(keys: readonly KeyEntry[]): string {
  return `${JSON.stringify({ version: VERSION, keys }, null, 2)}\n`;
}

/** What each member of an entry must be; those with a question mark may be absent. */
const members: Readonly<Record<string, (value: unknown) => boolean>> = {
  id: (value) => isText(value) && /^[0-9a-z]{4,32}$/.test(value),
  hash: (value) => isText(value) && /^[0-9a-f]{64}$/.test(value),
  start: isText,
  product: (value) => isText(value) && isProductName(value),
  kind: (value) => value === "server" || value === "browser",
  created: isMoment,
  expires: (value) => value === undefined || isMoment(value),
  revoked: (value) => value === undefined || isMoment(value),
  label: (value) => value === undefined || isText(value),
  trustBrowserIdentify: (value) => value === undefined || typeof value === "boolean",
};

/** The keys of a file's text, or what is wrong with it. */
function parseKeys(text: string): readonly KeyEntry[] | string {
  let content: { version?: unknown; keys?: unknown } | null;
  try {
    content = JSON.parse(text);
  } catch {
    return "it is not JSON";
  }
  if (typeof content !== "object" || content === null) return "it is not an object";
  if (content.version !== VERSION)
    return `it has version ${JSON.stringify(content.version)?.slice(0, 20)}, and this kmkit reads ${VERSION}`;
  if (!Array.isArray(content.keys)) return "keys is not a list";
  for (const [at, key] of content.keys.entries()) {
    if (typeof key !== "object" || key === null) return `key ${at + 1} is not an object`;
    const wrong = Object.keys(members).find((name) => !members[name]?.(key[name]));
    if (wrong !== undefined) return `key ${at + 1} has no good ${wrong}`;
    // What we do not know could be a restriction, such as a misspelt `revoked`.
    if (Object.keys(key).some((name) => !Object.hasOwn(members, name))) return `key ${at + 1} has a member that is not known`;
  }
  const keys = content.keys as KeyEntry[];
  if (new Set(keys.map(({ id }) => id)).size < keys.length) return "two keys have one id";
  if (new Set(keys.map(({ hash }) => hash)).size < keys.length) return "a key stands in it twice";
  return keys;
}

/** Whether a product may be called so: it stands in URLs and on command lines. */
export function isProductName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isMoment(value: unknown): boolean {
  return isText(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value) && !Number.isNaN(Date.parse(value));
}
