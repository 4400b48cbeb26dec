import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Database } from "lmdb";

/** How long a lease holds without being renewed, in ms: longer than one batch may take. */
const LEASE = 30_000;

const HOLDER = "holder";

interface Holder {
  readonly token: string;
  readonly host: string;
  readonly pid: number;
  /** When the process began, in ms: a pid is used again, above all 1 in a container. */
  readonly began: number;
  readonly until: number;
}

/** Which of the processes that share a directory sends. It is taken for each batch; a dead holder on the same host loses it at once. */
export class Lease {
  private readonly db: Database<Holder, string>;
  private readonly me = {
    token: randomUUID(),
    host: hostname(),
    pid: process.pid,
    began: Math.round(Date.now() - process.uptime() * 1000),
  };

  /** @param db a database with `useVersions`: writes are conditional, since lmdb's asynchronous transactions were seen to hang (3.5.6). */
  constructor(db: Database<Holder, string>) {
    this.db = db;
  }

  /** Take or renew the lease; false while another process holds it. */
  async take(): Promise<boolean> {
    const now = Date.now();
    const entry = this.db.getEntry(HOLDER);
    const mine = { ...this.me, until: now + LEASE };
    if (entry === undefined) return this.db.ifNoExists(HOLDER, () => void this.db.put(HOLDER, mine, 1));
    if (entry.value.token !== this.me.token && this.isValid(entry.value, now)) return false;
    return this.write(mine, entry.version);
  }

  async release(): Promise<void> {
    const entry = this.db.getEntry(HOLDER);
    if (entry?.value.token === this.me.token) await this.write({ ...this.me, until: 0 }, entry.version);
  }

  /** Writes only if nobody else has written since we read. */
  private write(holder: Holder, version: number | undefined): Promise<boolean> {
    return this.db.put(HOLDER, holder, (version ?? 0) + 1, version);
  }

  private isValid({ host, pid, began, until }: Holder, now: number): boolean {
    // One that ends later than any lease can was written under another clock.
    if (until < now || until > now + LEASE) return false;
    if (host !== this.me.host) return true;
    if (pid === this.me.pid) return Math.abs(began - this.me.began) < 2000;
    return isAlive(pid);
  }
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
