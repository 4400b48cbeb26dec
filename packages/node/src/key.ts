import { randomBytes } from "node:crypto";

/**
 * Makes the keys of outbox entries: they sort in the order of putting, never meet those of another process, and tell the size of the entry, so that
 * what waits can be counted without reading it. Layout: ms (6 bytes), counter (4), process (6), lines (4), bytes (4).
 */
export class KeyMaker {
  private readonly process = randomBytes(6);
  private last = 0;
  private counter = 0;

  next(entry: { readonly count: number; readonly bytes: { readonly length: number } }): Buffer {
    const now = Date.now();
    // A clock that is set back must not put new entries before old ones.
    if (now > this.last) {
      this.last = now;
      this.counter = 0;
    } else this.counter += 1;
    const key = Buffer.allocUnsafe(24);
    key.writeUIntBE(this.last, 0, 6);
    key.writeUInt32BE(this.counter, 6);
    this.process.copy(key, 10);
    key.writeUInt32BE(entry.count, 16);
    key.writeUInt32BE(entry.bytes.length, 20);
    return key;
  }
}

/** How many lines the entry of a key has. */
export function countOf(key: Buffer): number {
  return key.readUInt32BE(16);
}

/** How many bytes the entry of a key has. */
export function sizeOf(key: Buffer): number {
  return key.readUInt32BE(20);
}
