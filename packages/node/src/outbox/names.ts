import { crc32 } from "node:zlib";
import type { Owner } from "./owner.ts";

/** What the name of a sealed segment tells: a segment is a file of some lines that wait, no longer than a batch. */
export interface SealedName {
  readonly name: string;
  /** The storage that wrote it. */
  readonly token: string;
  readonly count: number;
  readonly bytes: number;
  /** CRC-32 of the bytes: by it a file is known to be whole without looking at its lines. */
  readonly sum: number;
}

/** Makes names of segments: they sort in the order in which one process began them, also when its clock is set back. */
export class SegmentNames {
  private readonly owner: Owner;
  private last = 0;
  private sequence = 0;

  constructor(owner: Owner) {
    this.owner = owner;
  }

  /** The part that a segment keeps from its beginning to its end. */
  next(): string {
    this.last = Math.max(this.last, Date.now());
    this.sequence += 1;
    return `${String(this.last).padStart(14, "0")}-${String(this.sequence).padStart(8, "0")}-${this.owner.token}`;
  }

  /** While its owner writes to it: the name tells who that is. */
  open(stem: string): string {
    const { host, pid, began } = this.owner;
    return `${stem}.${host}-${pid}-${began}.open`;
  }
}

/** A segment that is complete: the name tells how much is in it, so that what waits can be counted without reading. */
export function sealedName(stem: string, count: number, bytes: Uint8Array): string {
  return `${stem}.${count}-${bytes.length}-${crc32(bytes).toString(16)}.ndjson`;
}

const sealed = /^\d{14}-\d{8}-([0-9a-f]{12})\.(\d{1,9})-(\d{1,12})-([0-9a-f]{1,8})\.ndjson$/;
const open = /^(\d{14}-\d{8}-([0-9a-f]{12}))\.([0-9a-f]+)-(\d+)-(\d+)\.open$/;

/** What a sealed segment's name tells, or undefined for any other name. */
export function parseSealed(name: string): SealedName | undefined {
  const [, token, count, bytes, sum = ""] = sealed.exec(name) ?? [];
  if (token === undefined) return undefined;
  return { name, token, count: Number(count), bytes: Number(bytes), sum: Number.parseInt(sum, 16) };
}

/** The stem and the owner of a segment that is being written, or undefined for any other name. */
export function parseOpen(name: string): { stem: string; owner: Owner } | undefined {
  const [, stem, token, host, pid, began] = open.exec(name) ?? [];
  if (stem === undefined || token === undefined || host === undefined) return undefined;
  return { stem, owner: { token, host, pid: Number(pid), began: Number(began) } };
}
