import { join } from "node:path";
import type { KmStats } from "@kmkit/core";
import { type Child, startChild } from "../child.ts";
import { long, monotonic } from "./form.ts";
import { plain, web } from "./program.ts";

const packages = join(import.meta.dirname, "../../..");

/** Heap in bytes after a collection, listeners on `process`, and what the event loop waits for, by kind. */
export interface State {
  readonly heap: number;
  readonly listeners: number;
  readonly resources: Readonly<Record<string, number>>;
}

/** What can be asked of a recording app. */
interface Deeds {
  record: [{ label: string; from: number; count: number; rate: number }, null];
  warm: [{ label: string }, null];
  stats: [object, KmStats];
  reported: [object, Record<string, number>];
  flush: [{ ms: number }, { sent: number; kept: number; dropped: number }];
  close: [{ ms: number }, { sent: number; kept: number; dropped: number }];
  names: [{ names: Readonly<Record<string, string>> }, null];
  letGo: [object, null];
  clock: [{ ms: number }, null];
  safe: [object, null];
  safeThenStop: [{ ms: number }, null];
  recordThenSafe: [{ label: string }, null];
  state: [object, State];
}

interface Message {
  readonly ready?: number;
  readonly tick?: number;
  readonly noted?: number;
  readonly at?: number;
  readonly answered?: number;
  readonly value?: never;
  readonly flushed?: { sent: number; kept: number; dropped: number };
}

export interface AppOptions {
  /** The options of `createKm`. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** How long before a kill something may be recorded and be lost, in ms. */
const GRACE = 50;
/** How often an app ticks, in ms. */
const TICK = 10;

let started = 0;

/** An app in a process of its own that records commands, and from which the parent knows what it has recorded by when, whatever becomes of it. */
export class RecordingApp {
  /** Begins the labels of what it records; no other app has it. */
  readonly label: string = `a${++started}`;
  readonly child: Child;
  /** Its port, if it is a web app. */
  readonly ready: Promise<number>;
  /** What its own shutdown came to. */
  flushed: Message["flushed"];
  private readonly noted: { count: number; at: number }[] = [];
  private readonly ticks: number[] = [];
  private readonly asked = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  private asks = 0;
  private from = 0;

  private constructor(program: string, cwd: string, { options, env = {} }: AppOptions) {
    this.child = startChild(program, {
      cwd: join(packages, cwd),
      env: { NODE_ENV: "production", OPTIONS: JSON.stringify({ key: "local", ...options }), ...env },
    });
    this.ready = new Promise((resolve, reject) => {
      this.child.process.on("message", (message: Message) => this.hear(message, resolve));
      void this.child.ended.then((how) => {
        const error = this.death(how);
        reject(error);
        for (const { reject: refuse } of this.asked.values()) refuse(error);
      });
    });
    this.ready.catch(() => {});
  }

  /** One that records at a rate. */
  static plain(options: AppOptions): RecordingApp {
    return new RecordingApp(plain, "node/test", options);
  }

  /** One of Express that records one command a request. */
  static web(options: AppOptions): RecordingApp {
    return new RecordingApp(web, "express/test", options);
  }

  get pid(): number {
    return this.child.process.pid as number;
  }

  async ask<D extends keyof Deeds>(deed: D, more: Deeds[D][0]): Promise<Deeds[D][1]> {
    await this.ready;
    this.asks += 1;
    const ask = this.asks;
    return new Promise<never>((resolve, reject) => {
      this.asked.set(ask, { resolve, reject });
      this.child.process.send({ ask, deed, ...more }, (error) => {
        if (error !== null) void this.child.ended.then((how) => reject(this.death(how)));
      });
    });
  }

  /** Settles when its outbox is open: it has one command on disk, whose label is the result. */
  async warm(): Promise<string> {
    await this.ask("warm", { label: this.label });
    return `${this.label}.warm`;
  }

  /** Records `count` more commands, at so many a second (0: as fast as it can); settles when the last was recorded, rejects if it dies before. */
  async record(count: number, rate: number): Promise<void> {
    const from = this.from;
    this.from += count;
    await this.ask("record", { label: this.label, from, count: from + count, rate });
  }

  /** What it has recorded by a time of {@link monotonic}: its labels. */
  recordedBy(time: number): string[] {
    const count = this.noted.findLast(({ at }) => at <= time)?.count ?? 0;
    return Array.from({ length: count }, (_, n) => `${this.label}.${n}`);
  }

  /**
   * By when something must have been recorded so that a kill at this moment may not lose it: 50 ms before. The short form runs beside other tests,
   * and adds what the machine kept the app waiting, which is seen from its ticks.
   */
  safeBy(killed: number): number {
    const last = [...this.ticks.filter((tick) => tick > killed - 1000 && tick < killed), killed];
    const late = last.slice(1).reduce((most, tick, index) => Math.max(most, tick - (last[index] as number) - TICK), 0);
    return killed - GRACE - (long ? 0 : 2 * late);
  }

  /** Everything it is known to have recorded. */
  get recorded(): string[] {
    return this.recordedBy(Number.POSITIVE_INFINITY);
  }

  /** Sends a signal and waits for the end; gives the moment of the signal and how long the end took. */
  async signal(signal: NodeJS.Signals): Promise<{ at: number; took: number; code: number | null; signal: NodeJS.Signals | null }> {
    const at = monotonic();
    this.child.process.kill(signal);
    return { at, ...(await this.child.ended), took: monotonic() - at };
  }

  private death(how: object): Error {
    return new Error(`the app ended with ${JSON.stringify(how)}: ${this.child.output.error}`);
  }

  private hear(message: Message, ready: (port: number) => void): void {
    if (message.ready !== undefined) ready(message.ready);
    if (message.noted !== undefined) this.noted.push({ count: message.noted, at: message.at as number });
    if (message.tick !== undefined) this.ticks.push(message.tick);
    if (message.flushed !== undefined) this.flushed = message.flushed;
    if (message.answered === undefined) return;
    this.asked.get(message.answered)?.resolve(message.value as never);
    this.asked.delete(message.answered);
  }
}
