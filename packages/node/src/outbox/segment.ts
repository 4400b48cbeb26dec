import { writeFileSync } from "node:fs";
import { readFile, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Entry, Held } from "@kmkit/core";
import { parseSealed, type SealedName, sealedName } from "./names.ts";
import { lookThrough } from "./soundness.ts";

const newline = 10;

/** Lines that wait: a sealed file, or (while the disk takes nothing) only memory. What was sent of it goes by parts, and the file with the last one. */
export class Segment {
  /** The file's name; undefined while it is in memory alone. */
  name: string | undefined;
  /** The part of the name that stays. */
  readonly stem: string;
  /** Whether this process put these lines. */
  readonly own: boolean;
  /** How many lines wait, and their bytes. */
  count: number;
  bytes: number;
  /** By `performance.now()`: a listing of the directory that is older says nothing of it. */
  since: number = performance.now();
  /** The lines that wait, where they are held in memory. */
  data: Uint8Array | undefined;
  /** It is being read. */
  loading: Promise<boolean> | undefined;
  private readonly directory: string;
  /** How many bytes of the file were sent. */
  private sent = 0;
  /** Whether the file holds these lines and no others: only then it can be read again. */
  private whole = true;

  constructor(directory: string, stem: string, own: boolean, { count, bytes }: { count: number; bytes: number }, data?: Uint8Array) {
    this.directory = directory;
    this.stem = stem;
    this.own = own;
    this.count = count;
    this.bytes = bytes;
    this.data = data;
  }

  /** A file that another process left or wrote. */
  static found(directory: string, told: SealedName): Segment {
    const segment = new Segment(directory, told.name.slice(0, told.name.indexOf(".")), false, told);
    segment.name = told.name;
    return segment;
  }

  /** The name by which what is in memory is sealed. */
  get newName(): string {
    return sealedName(this.stem, this.count, this.data as Uint8Array);
  }

  private path(name: string): string {
    return join(/* turbopackIgnore: true */ this.directory, name);
  }

  /**
   * Reads the file, if it is not in memory. Lines that are no commands any more are handed to `broken`.
   *
   * @returns how many lines of those that the name promises are not there; undefined where the file is gone
   */
  async load(broken: (lines: readonly Uint8Array[]) => Promise<void>): Promise<number | undefined> {
    if (this.data !== undefined || this.name === undefined) return 0;
    let file: Uint8Array;
    try {
      file = await readFile(this.path(this.name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    if (crc32(file) === parseSealed(this.name)?.sum) {
      this.data = file.subarray(this.sent);
      return 0;
    }
    const looked = lookThrough(file.subarray(this.sent));
    if (looked.broken.length > 0) await broken(looked.broken);
    const lost = this.count - looked.count;
    this.whole = looked.broken.length === 0;
    this.data = looked.bytes;
    this.count = looked.count;
    this.bytes = looked.bytes.length;
    return lost;
  }

  /** The first lines that fit, at least one. */
  head(commands: number, bytes: number): Held {
    const data = this.data as Uint8Array;
    if (this.count <= commands && this.bytes <= bytes) return { key: this, bytes: data, count: this.count };
    let end = 0;
    let count = 0;
    while (count < commands && count < this.count) {
      const next = data.indexOf(newline, end) + 1;
      if (count > 0 && next > bytes) break;
      end = next;
      count += 1;
    }
    return { key: this, bytes: data.subarray(0, end), count };
  }

  /** Its first lines were taken. Settles when it is known on disk, if they were the last. */
  async take({ bytes, count }: Entry): Promise<void> {
    this.count -= count;
    this.bytes -= bytes.length;
    this.sent += bytes.length;
    if (this.count > 0) {
      this.data = this.data?.subarray(bytes.length);
      return;
    }
    this.data = undefined;
    if (this.name !== undefined) await unlink(this.path(this.name)).catch(() => {});
  }

  /** Puts what is in memory alone on disk. */
  async persist(): Promise<void> {
    const name = this.newName;
    const part = this.path(`${name}.part`);
    await writeFile(part, this.data as Uint8Array, { mode: 0o600 });
    await rename(part, this.path(name));
    this.isAt(name);
  }

  /** The same before it returns, as far as the disk takes it: the process ends. */
  persistSync(): void {
    try {
      writeFileSync(this.path(this.newName), this.data as Uint8Array, { mode: 0o600 });
    } catch {}
  }

  /** All of its lines, and no others, stand in this file now. */
  isAt(name: string): void {
    this.name = name;
    this.sent = 0;
    this.whole = true;
    this.since = performance.now();
  }

  /** Gives the memory back, where the file has it all. */
  forget(): void {
    if (this.name !== undefined && this.whole) this.data = undefined;
  }
}
