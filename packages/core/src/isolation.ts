import { Batch, type Entry, entryOf } from "./batch.ts";
import { type Carriage, carry, type Wait } from "./carriage.ts";
import { KmError } from "./errors.ts";
import type { DeadLetter } from "./storage.ts";

/** How many tries must have failed as well. */
const TRIES = 8;
/** How many commands are tried alone before the receiver is left alone until the next try. */
const SAMPLES = 2;
/** After how many failures in a row it is asked whether it is still well. */
const DOUBT = 10;
/** Most commands, and most of all that are looked into, that a receiver never takes while it is well. Where there are more, it is unwell for their kind. */
const MOST = 20;
const MOST_SHARE = 0.1;
/** In how many looks a command must be found, and how often it is tried in each, to be taken for one that never is. */
const LOOKS = 3;
const REPEATS = 3;
/** How long one look into a batch may take, in ms: a receiver may as well be silent as refuse. */
const LONGEST = 300_000;

/**
 * Finds the commands for which a batch is never taken, and sets them aside. Otherwise a firewall that takes what a visitor typed for an attack, or a
 * fault of the receiver's own, would hold up all that comes after one command, for ever.
 *
 * It is slow to judge, since whoever is wrong here takes a good command out of delivery: after minutes without a success, by a receiver that takes
 * other commands of the same batch just before and just after, and only if later looks find the same ones again.
 */
export class Isolation {
  private readonly patience: number;
  /** When the next look may be, by `performance.now()`, and how long after it the one behind that: longer each time, since a look asks a lot. */
  private next = 0;
  private gap = 0;
  /** How many tries have failed since a batch was taken. */
  private tries = 0;
  /** In how many looks, one after the other, a command was found. */
  private suspects: ReadonlyMap<string, number> = new Map();

  /** @param patience how long no batch must have been taken, in ms; undefined: nothing is ever set aside. */
  constructor(patience: number | undefined) {
    this.patience = patience ?? Number.POSITIVE_INFINITY;
  }

  failed(): void {
    this.tries += 1;
    if (this.tries > 1) return;
    this.next = performance.now() + this.patience;
    this.gap = this.patience / 10;
  }

  passed(): void {
    this.tries = 0;
    this.suspects = new Map();
  }

  /**
   * Whether it is time to look into the next batch; every other try is an ordinary one, for a receiver that takes what comes now and then. The batch
   * should have more than one entry, if more waits: what is alone cannot be compared.
   */
  get due(): boolean {
    return this.tries >= TRIES && this.tries % 2 === 0 && performance.now() >= this.next;
  }

  /** Carries entries, and sets aside what is never taken. Returns the verdict that makes them wait, or undefined when all is done. */
  async carry(entries: readonly Entry[], carriage: Carriage): Promise<Wait | undefined> {
    this.next = performance.now() + this.gap;
    this.gap = Math.min(2 * this.gap, this.patience);
    const parts = entries.map((entry) => new Batch([entry]).lines);
    const lines = parts.flat();
    const control = await findControl(lines, carriage);
    if (typeof control !== "string") return control;
    const look = new Look(control, Math.min(MOST, Math.max(1, Math.floor(lines.length * MOST_SHARE))), carriage);
    const unwell = await look.into(parts);
    if (unwell !== undefined) return unwell;
    const { letters, found } = look;
    const before = this.suspects;
    this.suspects = new Map([...found.keys()].map((line) => [line, (before.get(line) ?? 0) + 1]));
    for (const [line, wait] of found) {
      if ((this.suspects.get(line) ?? 0) < LOOKS) return wait;
      const { code, detail = "" } = wait;
      letters.push({ line, code: "KM_REJECTED", detail: `others are taken, this one never: ${code} ${detail}`.trim(), time: Date.now() });
    }
    const last = letters.at(-1);
    if (last !== undefined) carriage.report(new KmError("KM_REJECTED", `${letters.length} of ${lines.length}, ${last.detail}`));
    carriage.letters.push(...letters);
    return undefined;
  }
}

/** One look into some entries. */
class Look {
  /** What was refused for good. */
  readonly letters: DeadLetter[] = [];
  /** What was not taken while others were. */
  readonly found = new Map<string, Wait>();
  private readonly control: string;
  private readonly most: number;
  private readonly carriage: Carriage;

  constructor(control: string, most: number, carriage: Carriage) {
    this.control = control;
    this.most = most;
    this.carriage = carriage;
  }

  /** Carries all that is taken, oldest first, by halves. Returns the receiver's word where that is unwell. */
  async into(parts: readonly (readonly string[])[]): Promise<Wait | undefined> {
    const end = performance.now() + LONGEST;
    const rest = [...parts].reverse();
    let failures = 0;
    for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
      const wait = await this.send(part);
      failures = wait === undefined ? 0 : failures + 1;
      if (wait === undefined) continue;
      if (asks(wait) || this.found.size >= this.most || performance.now() > end) return wait;
      const [line = ""] = part;
      const unwell = part.length === 1 ? await this.insist(line, wait) : failures % DOUBT === 0 ? await this.unwell() : undefined;
      if (unwell !== undefined) return unwell;
      const middle = part.length >> 1;
      if (part.length > 1) rest.push(part.slice(middle), part.slice(0, middle));
    }
    return undefined;
  }

  private async send(lines: readonly string[]): Promise<Wait | undefined> {
    const { wait, letters } = await attempt(lines, this.carriage);
    if (wait === undefined) this.letters.push(...letters);
    return wait;
  }

  /** Tries a command again and again, and the control in between. Not in step: two receivers behind one address, one of them dead, take turns. */
  private async insist(line: string, wait: Wait): Promise<Wait | undefined> {
    if (line === this.control) return wait;
    for (let tries = 1; ; tries++) {
      const unwell = (Math.random() < 0.5 ? await this.unwell() : undefined) ?? (await this.unwell());
      if (unwell !== undefined) return unwell;
      if (tries === REPEATS) break;
      const again = await this.send([line]);
      if (again === undefined) return undefined;
      if (asks(again)) return again;
    }
    this.found.set(line, wait);
    return undefined;
  }

  private async unwell(): Promise<Wait | undefined> {
    return (await attempt([this.control], this.carriage)).wait;
  }
}

/** A command that the receiver takes by itself; otherwise what it said. */
async function findControl(lines: readonly string[], carriage: Carriage): Promise<string | Wait | undefined> {
  let last: Wait | undefined;
  for (let tries = 0; tries < SAMPLES; tries++) {
    const line = lines[Math.floor(Math.random() * lines.length)] as string;
    const { wait, letters } = await attempt([line], carriage);
    // What is refused for good may never have left: that says nothing of the receiver.
    if (wait === undefined && letters.length === 0) return line;
    last = wait ?? last;
    if (wait !== undefined && asks(wait)) break;
  }
  return last ?? carry([entryOf(lines)], carriage);
}

/** Carries some lines; what is refused for good is told to nobody yet. */
async function attempt(lines: readonly string[], carriage: Carriage): Promise<{ wait: Wait | undefined; letters: DeadLetter[] }> {
  const letters: DeadLetter[] = [];
  return { wait: await carry([entryOf(lines)], { ...carriage, letters, report: () => {} }), letters };
}

/** The receiver itself wants a pause. */
function asks({ code, after }: Wait): boolean {
  return code === "KM_COLLECTOR_BUSY" && after !== undefined;
}
