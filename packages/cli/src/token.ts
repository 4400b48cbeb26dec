import { randomBytes } from "node:crypto";
import { chownSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KmError } from "@kmkit/core";

const FILE = "admin-token";

/**
 * The admin token that a collector with keys keeps in its data directory, readable by its owner only. Made by whoever needs it first: the collector,
 * or `kmkit keys create` before it; of two at once both get the same one.
 */
export function ownToken(directory: string): { token: string; file: string } {
  const file = join(directory, FILE);
  const kept = readToken(directory);
  if (kept !== undefined) return { token: kept, file };
  const token = randomBytes(24).toString("base64url");
  const next = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(next, `${token}\n`, { mode: 0o600, flag: "wx" });
    // Made by root, it is still the collector's to read.
    const { uid, gid } = statSync(directory);
    if (process.getuid?.() === 0) chownSync(next, uid, gid);
    try {
      linkSync(next, file);
    } catch (cause) {
      const other = readToken(directory);
      if (other !== undefined) return { token: other, file };
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
      // An empty one, or one that cannot be read, is of use to nobody.
      renameSync(next, file);
    }
  } catch (cause) {
    throw new KmError("KM_STORE_BROKEN", cause instanceof Error ? cause.message : directory, cause);
  } finally {
    rmSync(next, { force: true });
  }
  return { token, file };
}

/** The token of a data directory on this machine, if there is one. */
export function readToken(directory: string): string | undefined {
  try {
    return readFileSync(join(directory, FILE), "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Whether a host is this machine: only then is its own token of use, and of danger anywhere else. */
export function isThisMachine(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
