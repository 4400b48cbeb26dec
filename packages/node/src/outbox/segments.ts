import { appendFile, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Entry, Held } from "@kmkit/core";
import { parseOpen, parseSealed, type SealedName, sealedName } from "./names.ts";
import { isAtWork, type Owner } from "./owner.ts";
import { Segment } from "./segment.ts";
import { lookThrough } from "./soundness.ts";

/** Where lines go that are no commands any more. */
const BROKEN = "broken.ndjson";

/** The segments of a directory that are complete and wait, the oldest first, whoever wrote them. */
export class Segments {
  /** How many commands wait in them, and their bytes. */
  commands = 0;
  bytes = 0;
  /** Commands of other processes that wait here or were sent from here. */
  found = 0;
  /** Commands of this process that another one sends. */
  handed = 0;
  private readonly directory: string;
  private readonly me: Owner;
  private readonly lost: (count: number, detail: string) => void;
  private queue: Segment[] = [];
  /** Those that the disk did not take. */
  readonly unwritten: Set<Segment> = new Set();
  /** How many bytes are held in memory, to send them without reading them back. */
  private readonly most: number;
  /** Those that are being sent. */
  private flying: readonly unknown[] = [];
  /** Names of other processes' files that were sent: a listing that was begun before still has them. */
  private readonly done = new Set<string>();

  /**
   * @param batchBytes how large a segment can be
   * @param lost is told how many commands cannot be sent any more, and where what is left of them stands
   */
  constructor(directory: string, me: Owner, batchBytes: number, lost: (count: number, detail: string) => void) {
    this.directory = directory;
    this.me = me;
    this.most = Math.max(batchBytes, 1 << 20);
    this.lost = lost;
  }

  add(segment: Segment): void {
    const before = this.queue.findLastIndex((other) => other.stem <= segment.stem);
    this.queue.splice(before + 1, 0, segment);
    this.count(segment, 1);
    if (segment.name === undefined) this.unwritten.add(segment);
    let held = 0;
    for (const { data } of this.queue) {
      held += data?.length ?? 0;
      // Those in front are held: of a long queue few are looked at.
      if (held > this.most) return segment.forget();
    }
  }

  private drop(segment: Segment): void {
    this.queue = this.queue.filter((other) => other !== segment);
    this.unwritten.delete(segment);
  }

  /** The first lines that fit, at least one if any waits. */
  async head(commands: number, bytes: number): Promise<Held[]> {
    const out: Held[] = [];
    let count = 0;
    let size = 0;
    for (const segment of [...this.queue]) {
      if (out.length > 0 && (count + segment.count > commands || size + segment.bytes > bytes)) break;
      if (!(await this.load(segment))) continue;
      const held = segment.head(commands, bytes);
      out.push(held);
      count += held.count;
      size += held.bytes.length;
      if (held.count < segment.count || count >= commands || size >= bytes) break;
    }
    this.flying = out.map(({ key }) => key);
    return out;
  }

  /** Nothing is being sent now. */
  landed(): void {
    this.flying = [];
  }

  /** These were taken. They are counted no more at once; settles when that is known on disk. */
  async remove(taken: readonly Held[]): Promise<void> {
    const removals: Promise<void>[] = [];
    for (const held of taken) {
      const segment = held.key as Segment;
      this.count(held, -1);
      if (held.count === segment.count) {
        this.drop(segment);
        if (!segment.own && segment.name !== undefined) this.done.add(segment.name);
      }
      removals.push(segment.take(held));
    }
    await Promise.all(removals);
  }

  /**
   * Puts right what is known, by a listing of the directory that was begun at `since` (`performance.now()`).
   *
   * @param alone no other process has sent since this one did: then nobody takes files away, except by mistake
   */
  async look(names: readonly string[], since: number, alone: boolean): Promise<void> {
    const known = new Set(this.queue.map(({ name }) => name));
    for (const name of names) {
      const open = parseOpen(name);
      const orphan = open !== undefined && open.owner.token !== this.me.token;
      const sealed = orphan ? await this.adopt(name, open.stem, open.owner) : parseSealed(name);
      if (sealed === undefined || sealed.token === this.me.token || known.has(sealed.name) || this.done.has(sealed.name)) continue;
      this.found += sealed.count;
      this.add(Segment.found(this.directory, sealed));
    }
    const present = new Set(names);
    for (const name of this.done) if (!present.has(name)) this.done.delete(name);
    let deleted = false;
    for (const segment of [...this.queue]) {
      if (segment.name === undefined || segment.since > since || present.has(segment.name) || this.flying.includes(segment)) continue;
      if (this.vanished(segment, alone)) deleted = true;
    }
    if (deleted) this.lost(0, "files were deleted, and are written anew");
  }

  /** What is in memory alone goes to disk where that can be written again; true if nothing is left to do. */
  async persist(): Promise<boolean> {
    try {
      for (const segment of this.unwritten) {
        if (this.flying.includes(segment)) continue;
        await segment.persist();
        this.unwritten.delete(segment);
      }
      return true;
    } catch {
      return false;
    }
  }

  /** Seals a segment whose owner has died. */
  private async adopt(name: string, stem: string, owner: Owner): Promise<SealedName | undefined> {
    const path = join(/* turbopackIgnore: true */ this.directory, name);
    try {
      if (isAtWork(owner, this.me, (await stat(path)).mtimeMs)) return undefined;
      const { count, bytes, broken } = lookThrough(await readFile(path));
      const sealed = sealedName(stem, count, bytes);
      if (broken.length > 0) {
        await this.setAside(broken);
        await writeFile(path, bytes);
        this.lost(0, BROKEN);
      }
      // Several may try: one succeeds.
      await (count === 0 ? unlink(path) : rename(path, join(/* turbopackIgnore: true */ this.directory, sealed)));
      return count === 0 ? undefined : parseSealed(sealed);
    } catch {
      // Gone, or not to be read now: whoever looks next time sees.
      return undefined;
    }
  }

  /** Reads a segment. False where nothing of it can be sent. */
  private load(segment: Segment): Promise<boolean> {
    // Whoever comes while it is being read waits for that: what is lost of it must be taken off the counts once.
    segment.loading ??= this.loadNow(segment).finally(() => {
      segment.loading = undefined;
    });
    return segment.loading;
  }

  private async loadNow(segment: Segment): Promise<boolean> {
    const before = { count: segment.count, bytes: segment.bytes };
    const lost = await segment.load((lines) => this.setAside(lines));
    if (lost === undefined) {
      this.vanished(segment, true);
      return false;
    }
    if (lost === 0 && segment.bytes === before.bytes) return true;
    this.commands += segment.count - before.count;
    this.bytes += segment.bytes - before.bytes;
    // More than the name promised: as good as found.
    if (lost < 0) this.found -= lost;
    else if (lost > 0) this.lost(lost, BROKEN);
    if (segment.count > 0) return true;
    this.drop(segment);
    await segment.take({ count: 0, bytes: new Uint8Array(0) });
    return false;
  }

  /** A file is gone that this process has not sent. True where somebody has deleted what we still have: it is written anew. */
  private vanished(segment: Segment, alone: boolean): boolean {
    if (alone && segment.own && segment.data !== undefined) {
      segment.name = undefined;
      this.unwritten.add(segment);
      return true;
    }
    this.drop(segment);
    this.count(segment, -1);
    if (!segment.own) this.found -= segment.count;
    else if (alone) this.lost(segment.count, `${segment.name} is gone`);
    else this.handed += segment.count;
    return false;
  }

  private setAside(lines: readonly Uint8Array[]): Promise<void> {
    return appendFile(join(/* turbopackIgnore: true */ this.directory, BROKEN), Buffer.concat([...lines, Buffer.from("\n")]), {
      mode: 0o600,
    });
  }

  private count(entry: Entry | { count: number; bytes: number }, sign: 1 | -1): void {
    this.commands += sign * entry.count;
    this.bytes += sign * (typeof entry.bytes === "number" ? entry.bytes : entry.bytes.length);
  }
}
