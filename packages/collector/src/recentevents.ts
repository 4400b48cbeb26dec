import { crc32 } from "node:zlib";

/** How many events are remembered at the least: those of some seconds on a busy day. */
const REMEMBERED = 8000;

/**
 * The classic events that came last, by id, each with the properties of the call that came first. Calls of the same person, event and second are one
 * event, but each may bring properties: a client sends "Signed Up" with the plan and again with the amount. As copies of one command all but one
 * would be lost, so whoever comes second does not come as that event once more.
 */
export class RecentEvents {
  private young = new Map<string, number>();
  private old = new Map<string, number>();

  /** Whether a call is the event's first one, or the very same again, which a retry is. `properties`: as JSON text. */
  isFirst(id: string, properties: string): boolean {
    const sum = crc32(properties);
    const known = this.young.get(id) ?? this.old.get(id);
    if (known !== undefined) return known === sum;
    if (this.young.size >= REMEMBERED) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(id, sum);
    return true;
  }

  /** Forgets all of them: the first calls of some may not have been kept. */
  clear(): void {
    this.young.clear();
    this.old.clear();
  }
}
