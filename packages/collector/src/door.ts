import { setImmediate } from "node:timers/promises";
import { type KmCode, KmError, MAX_COMMAND, type Outbox, type Refusal } from "@kmkit/core";
import type { KeyKind } from "./keyfile.ts";
import type { Writer } from "./keys.ts";
import { type Lines, slicesOf } from "./lines.ts";
import type { Arrived, Audience } from "./live/inbox.ts";
import { RecentEvents } from "./recentevents.ts";
import { Refusals, type Refused, type Sender } from "./refusals.ts";
import { type NameRegister, NewNames } from "./register.ts";
import { type Desk, deskOf, rowOf } from "./row.ts";

/** What became of some lines: how many are safe, and which were refused and why; or `error` where some could not be kept now. */
interface Admitted {
  readonly accepted: number;
  readonly rejected: readonly Refusal[];
  readonly error?: KmError;
}

/** The one door by which commands come in, in whatever form they arrived: checked, made into rows of the store, and put into the outbox. */
export interface Door {
  /**
   * NDJSON, one command a line. Settles when what was accepted is on disk. A large body is worked in slices, between which others get their turn;
   * with an `error` some of them may be kept already, and the sender sends all of it again, which counts once.
   */
  admit(writer: Writer, body: Uint8Array): Promise<Admitted>;
  /** One command that is no JSON (the classic calls). Settles when it is on disk, with the reason where it was refused. */
  admitOne(writer: Writer, command: unknown): Promise<KmError | undefined>;
  /** Count what was refused before it became a command, and whom it came from where that is known; it is shown live to those who may see that product. */
  refuse(code: string, count?: number, sender?: Sender): void;
  /** How many commands were refused since the start, by code. */
  readonly rejected: Readonly<Record<string, number>>;
  /** The same by code and sender. */
  readonly refused: readonly Refused[];
  /** The classic events that came last, by the kind of key that brought them. */
  readonly recent: Readonly<Record<KeyKind, RecentEvents>>;
  /** Why commands could not be kept some seconds ago, if so. */
  readonly hindrance: KmError | undefined;
}

/** Whether an error says that a good command could not be kept now: its sender must have it still. Any other says that it will never be taken. */
export function isUnkept({ code }: KmError): boolean {
  return code === "KM_OUTBOX_FULL" || code === "KM_OUTBOX_UNWRITABLE" || code === "KM_CLIENT_CLOSED";
}

/** How long a failure to keep something counts as one that goes on, in ms. */
const HINDERED = 10_000;

/** Makes the door in front of an outbox. What comes in is told to `live`, if anybody listens there. */
export function createDoor(outbox: Outbox, register: NameRegister, live?: Audience): Door {
  return new CommandDoor(outbox, register, live);
}

/** How long calls wait for others at the most, in ms: a write costs as much for two calls as for two hundred. */
const TOGETHER = 2;

/** Single commands that go to the disk together. */
class Company {
  readonly rows: string[] = [];
  readonly fresh = new NewNames();
  /** What they are made of, by product, where somebody listens. */
  readonly told = new Map<number, unknown[]>();
  /** Settles when they are there. */
  kept: Promise<KmError | undefined> | undefined;
  private readonly desks = new Map<Writer, Desk>();

  desk(writer: Writer, register: NameRegister): Desk {
    let desk = this.desks.get(writer);
    if (desk === undefined) {
      desk = deskOf(register.of(writer.product), this.fresh, Date.now(), false, writer);
      this.desks.set(writer, desk);
    }
    return desk;
  }

  tell(product: number, command: unknown): void {
    const commands = this.told.get(product);
    if (commands === undefined) this.told.set(product, [command]);
    else commands.push(command);
  }
}

class CommandDoor implements Door {
  readonly recent: Readonly<Record<KeyKind, RecentEvents>> = { server: new RecentEvents(), browser: new RecentEvents() };
  private readonly refusals = new Refusals();
  private readonly outbox: Outbox;
  private readonly register: NameRegister;
  private readonly live: Audience | undefined;
  private company = new Company();
  /** The last company is on its way. */
  private leaving: Promise<unknown> = Promise.resolve();
  private failure: { readonly error: KmError; readonly at: number } | undefined;

  constructor(outbox: Outbox, register: NameRegister, live: Audience | undefined) {
    this.outbox = outbox;
    this.register = register;
    this.live = live;
  }

  get hindrance(): KmError | undefined {
    return this.failure !== undefined && performance.now() - this.failure.at < HINDERED ? this.failure.error : undefined;
  }

  get rejected(): Readonly<Record<string, number>> {
    return this.refusals.byCode;
  }

  get refused(): readonly Refused[] {
    return this.refusals.list();
  }

  refuse(code: string, count = 1, sender?: Sender): void {
    this.refusals.note(code, count, sender);
    if (typeof sender === "object" && this.live?.listening)
      this.live.tell(arrivedOf(sender.product, new Array(count).fill(undefined), new KmError(code as KmCode)));
  }

  async admit(writer: Writer, body: Uint8Array): Promise<Admitted> {
    const refused: Refusal[] = [];
    const received = Date.now();
    let [accepted, index] = [0, 0];
    for (const lines of slicesOf(body)) {
      if (index > 0) await setImmediate();
      const desk = deskOf(this.register.of(writer.product), new NewNames(), received, true, writer);
      const [start, before] = [index, refused.length];
      const rows = rowsOf(lines, desk, index, refused);
      // Counted now, so that nothing holds the rows while they are on their way.
      accepted += rows.length;
      index += lines.length;
      // Nothing holds the lines either, unless somebody wants to see them.
      const told = this.live?.listening
        ? { product: writer.product, received, commands: lines, refused: placed(refused, before, start) }
        : undefined;
      const error = await this.keep(rows, desk.fresh);
      if (error !== undefined) return { accepted: 0, rejected: refused, error };
      if (told !== undefined) this.live?.tell(told);
    }
    for (const { code } of refused) this.refusals.note(code, 1, writer);
    return { accepted, rejected: refused };
  }

  admitOne(writer: Writer, command: unknown): Promise<KmError | undefined> {
    const { company } = this;
    const row = rowOf(command, company.desk(writer, this.register), false);
    if (row instanceof KmError) {
      this.refusals.note(row.code, 1, writer);
      if (this.live?.listening) this.live.tell(arrivedOf(writer.product, [command], row));
      return Promise.resolve(row);
    }
    if (this.live?.listening) company.tell(writer.product, command);
    company.rows.push(row);
    // One promise for all of them.
    company.kept ??= this.leave(company);
    return company.kept;
  }

  /** Leaves when the one before has arrived and nobody else comes; those that come in the meantime go with it. */
  private async leave(company: Company): Promise<KmError | undefined> {
    const { rows } = company;
    await this.leaving;
    const latest = performance.now() + TOGETHER;
    // As long as every turn of the event loop brings some.
    for (let before = 0; rows.length > before && performance.now() < latest; ) {
      before = rows.length;
      await setImmediate();
    }
    this.company = new Company();
    const kept = this.keep(rows, company.fresh);
    this.leaving = kept;
    const error = await kept;
    if (error !== undefined) {
      this.refusals.note(error.code, rows.length);
      this.recent.server.clear();
      this.recent.browser.clear();
    }
    for (const [product, commands] of company.told) this.live?.tell(arrivedOf(product, commands, error));
    return error;
  }

  private async keep(rows: string[], fresh: NewNames): Promise<KmError | undefined> {
    if (rows.length === 0) return undefined;
    const names = fresh.rows;
    const error = await this.outbox.put(
      names.length === 0 ? rows : [...names.map((name) => JSON.stringify({ type: "name", ...name })), ...rows],
    );
    if (error === undefined) this.register.commit(fresh);
    this.failure = error === undefined ? undefined : { error, at: performance.now() };
    return error;
  }
}

/** The refusals from the one at `before` on, by their place behind `start`. */
function placed(refused: readonly Refusal[], before: number, start: number): Refusal[] {
  return refused.slice(before).map((one) => ({ ...one, index: one.index - start }));
}

/** Single commands that came to the same, told of as those of a body are. */
function arrivedOf(product: number, commands: readonly unknown[], error: KmError | undefined): Arrived {
  const refused = error === undefined ? [] : commands.map((_, index) => ({ index, code: error.code, message: error.message }));
  return { product, received: Date.now(), commands, refused };
}

const brace = "{".charCodeAt(0);

/** The rows of those lines that are commands; the others go into `refused`, by their place in the body, where these begin at `start`. */
function rowsOf(lines: Lines, desk: Desk, start: number, refused: Refusal[]): string[] {
  const rows: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] as Lines[number];
    if (typeof line === "string" && line.charCodeAt(0) !== brace && line.trim() === "") continue;
    const row = typeof line === "string" ? rowOfLine(line, desk) : line;
    if (row instanceof KmError) refused.push({ index: start + at, code: row.code, message: row.message });
    else rows.push(row);
  }
  return rows;
}

function rowOfLine(line: string, desk: Desk): string | KmError {
  if (line.length > MAX_COMMAND) return new KmError("KM_COMMAND_TOO_LARGE", `${line.length} characters`);
  try {
    return rowOf(JSON.parse(line), desk, !line.includes("\\"));
  } catch (cause) {
    return new KmError("KM_LINE_INVALID", cause instanceof Error ? cause.message.slice(0, 120) : undefined);
  }
}
