import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FILE = "admin-token";

/** The admin token that a collector with keys keeps in its data directory, readable by its owner only. Made at the first start. */
export function ownToken(directory: string): { token: string; file: string } {
  const file = join(directory, FILE);
  const token = readToken(directory) ?? randomBytes(24).toString("base64url");
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
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
