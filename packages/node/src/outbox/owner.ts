import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

/** Who writes a file of the outbox directory: a process, and within it (worker threads, two copies of this package) one storage. */
export interface Owner {
  /** Unlike any other storage's. */
  readonly token: string;
  readonly host: string;
  readonly pid: number;
  /** When the process began, in seconds since the epoch: a pid is used again, above all 1 in a container. */
  readonly began: number;
}

/** A file that its owner has not touched for so long, in ms, has lost him: he would have sealed or renewed it (measured against the file's own time). */
const ABANDONED = 45_000;
/** The same for another thread of this process: a thread may be ended, and only its silence tells. Owners touch their files about every second. */
const SILENT = 2500;

/** The owner that a storage of this process is. */
export function newOwner(): Owner {
  const began = Math.round(Date.now() / 1000 - process.uptime());
  // Only compared, and part of file names: letters, digits and nothing else.
  const host = Buffer.from(hostname()).toString("hex").slice(-16) || "0";
  return { token: randomBytes(6).toString("hex"), host, pid: process.pid, began };
}

/**
 * Whether the owner of a file is still at work. On another host, or for another thread of this process, only the time tells.
 *
 * @param touched when the file was last written to, in ms since the epoch
 */
export function isAtWork(owner: Owner, me: Owner, touched: number): boolean {
  // A time far ahead was written under another clock.
  const silence = Math.abs(Date.now() - touched);
  if (silence > ABANDONED) return false;
  if (owner.host !== me.host) return true;
  if (owner.pid === me.pid) return Math.abs(owner.began - me.began) <= 2 && silence < SILENT;
  return isAlive(owner.pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process: it lives, but may not be signalled.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
