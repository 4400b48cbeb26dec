import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KmError } from "@kmkit/core";

const FILE = "admin-token";

/** The admin token that a collector with keys keeps in its data directory, readable by its owner only. Made at the first start. */
export function ownToken(directory: string): { token: string; file: string } {
  const file = join(directory, FILE);
  const kept = readToken(directory);
  if (kept !== undefined) return { token: kept, file };
  const token = randomBytes(24).toString("base64url");
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(file, `${token}\n`, { mode: 0o600 });
  } catch (cause) {
    throw new KmError("KM_STORE_BROKEN", cause instanceof Error ? cause.message : directory, cause);
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
