import { mkdir, open, readdir, readFile, stat, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isAtWork, type Owner } from "./owner.ts";

/** How often the holder looks whether it still is, and shows that it lives, in ms. */
const RENEW = 500;

/**
 * Which of the processes that share a directory sends. Each holder makes a file `sender/<generation>`, and only one process can make the file of a
 * generation: so two that find a dead holder at the same moment cannot both take its place. Whoever finds a later generation than its own has lost it.
 * Should two send all the same (a holder that was stopped for long), ids make that harmless.
 */
export class Lease {
  private readonly directory: string;
  private readonly me: Owner;
  /** The generation that is ours. */
  private held: number | undefined;
  /** The last one that was. */
  private mine = 0;
  /** When we took that one, by `performance.now()`; and whether others have sent between it and the one before that was ours. */
  private taken = 0;
  private between = false;
  private checked = 0;

  constructor(directory: string, me: Owner) {
    this.directory = join(directory, "sender");
    this.me = me;
  }

  /** Whether this process sends, as far as it knows. */
  get holds(): boolean {
    return this.held !== undefined;
  }

  /** Take or renew the lease; false while another process holds it. Where the disk does not let us ask (it is full, or gone) we send all the same. */
  take(): Promise<boolean> {
    return this.takeNow().catch(() => true);
  }

  private async takeNow(): Promise<boolean> {
    if (this.held !== undefined && performance.now() - this.checked < RENEW) return true;
    const generations = await this.generations();
    const latest = generations.at(-1) ?? 0;
    if (this.held !== undefined && this.held === latest) {
      this.checked = performance.now();
      const now = new Date();
      await utimes(this.path(latest), now, now);
      return true;
    }
    this.held = undefined;
    if (latest > 0 && (await this.isTaken(latest))) return false;
    return this.make(latest + 1, generations);
  }

  /**
   * Whether another process has sent since this one last looked at the directory while it was the one that sends.
   *
   * @param since when the listing of the directory was begun that is looked at now, by `performance.now()`
   */
  async hasPassed(since: number): Promise<boolean> {
    if (((await this.generations()).at(-1) ?? 0) > this.mine) return true;
    const { between } = this;
    // Once what they have sent is known to be gone. A listing from before may still have it.
    if (since > this.taken) this.between = false;
    return between;
  }

  /** Let another process send. */
  async release(): Promise<void> {
    const { held } = this;
    this.held = undefined;
    // Not removed: the next holder counts on from it.
    if (held !== undefined) await writeFile(this.path(held), "").catch(() => {});
  }

  private async make(generation: number, before: readonly number[]): Promise<boolean> {
    try {
      const file = await open(this.path(generation), "wx", 0o600);
      // On a full disk it stays empty; then others may take it from us.
      await file
        .writeFile(JSON.stringify(this.me))
        .catch(() => {})
        .finally(() => file.close());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
    this.between ||= generation !== this.mine + 1;
    this.held = generation;
    this.mine = generation;
    this.checked = performance.now();
    this.taken = this.checked;
    await Promise.allSettled(before.map((old) => unlink(this.path(old))));
    return true;
  }

  private async generations(): Promise<number[]> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    let found = await this.listed();
    // One is made and the one before removed while the directory is read: it may show neither.
    if (found.length === 0 && this.mine > 0) found = await this.listed();
    // Somebody has deleted the directory: counting begins anew, for everybody.
    if (found.length === 0) this.mine = 0;
    return found;
  }

  private async listed(): Promise<number[]> {
    const names = await readdir(this.directory);
    return names
      .filter((name) => /^\d{1,15}$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  }

  private async isTaken(generation: number): Promise<boolean> {
    try {
      const [text, { mtimeMs }] = await Promise.all([readFile(this.path(generation), "utf8"), stat(this.path(generation))]);
      // An empty one was released, or is being made at this moment.
      if (text === "") return Math.abs(Date.now() - mtimeMs) < 50;
      return isAtWork(JSON.parse(text) as Owner, this.me, mtimeMs);
    } catch (error) {
      // It was removed by a later holder; one that cannot be read is nobody's.
      return (error as NodeJS.ErrnoException).code === "ENOENT";
    }
  }

  private path(generation: number): string {
    return join(/* turbopackIgnore: true */ this.directory, String(generation));
  }
}
