import { statSync } from "node:fs";
import { KmError, type Report } from "@kmkit/core";
import { readKeyFile } from "./keyfile.ts";
import type { ChangingAccess } from "./keys.ts";

/** How often the file is looked at, in ms: a revoked key has to be refused within a second. */
const LOOK = 250;

/**
 * Keeps the access rules as the file of keys is.
 *
 * A file that cannot be used any more is reported once, and the keys that were read last go on: a slip of an editor must not cost everybody's data.
 * Whoever then wants to be sure that nobody comes in removes the file: one that is gone lets none of its keys in, rather than those of yesterday,
 * and rather than opening the collector to everybody.
 */
export class KeyWatch {
  private readonly file: string;
  private readonly access: ChangingAccess;
  private readonly report: Report;
  private timer: NodeJS.Timeout | undefined;
  /** The file that was read last; undefined where there is none. */
  private known: string | undefined;
  /** The code of what is wrong with it. */
  private complaint: string | undefined;

  /** Reads the file. Throws KM_KEYS_BROKEN: whose keys a new collector would take is not known. */
  constructor(file: string, access: ChangingAccess, report: Report) {
    this.file = file;
    this.access = access;
    this.report = report;
    this.read();
  }

  /** From now on sees every change within a quarter of a second. `changed` is called after each. */
  start(changed: () => void = () => {}): void {
    // By the event loop's own thread: the queue of the others may be full of what the store is asked.
    this.timer = setInterval(() => this.look() && changed(), LOOK);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): boolean {
    this.access.forgetExpired();
    try {
      return this.read();
    } catch (cause) {
      this.complain(cause as KmError);
      return false;
    }
  }

  /** True where the rules are others now. What could not be used is looked at again and again: what hindered may be over without a change of the file. */
  private read(): boolean {
    const found = stampOf(this.file);
    if (found === this.known) return false;
    if (found === undefined) {
      this.access.take([]);
      this.complain(new KmError("KM_KEYS_MISSING", this.file));
    } else {
      this.access.take(readKeyFile(this.file) ?? []);
      this.complaint = undefined;
    }
    this.known = found;
    return true;
  }

  private complain(error: KmError): void {
    if (this.complaint !== error.code) this.report(error);
    this.complaint = error.code;
  }
}

/** What changes with every change of a file, or undefined where there is none. */
function stampOf(file: string): string | undefined {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new KmError("KM_KEYS_BROKEN", message, cause);
  }
}
