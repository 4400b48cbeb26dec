import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RecordingApp } from "../faults/app.ts";
import { CollectorProcess } from "../faults/collector.ts";
import { SmallDisk } from "../faults/disk.ts";
import { monotonic, pause, until } from "../faults/form.ts";
import { anonymousMemory } from "../faults/memory.ts";
import type { Fault, FaultKind } from "./plan.ts";
import { FaultyProxy, type Weather } from "./proxy.ts";
import { Requests } from "./requests.ts";
import { Visitors } from "./visitors.ts";

/** How long the app and the collector may take to catch up when the load is over, in ms. */
const CATCH_UP = 180_000;

/** A sample of the memory that is a process's own, in MB; `at` in ms after the start. */
export interface Sample {
  readonly at: number;
  readonly app: number;
  readonly collector: number;
}

/** An app and a collector under load, with a proxy between them; faults are done to all of them. */
export class Soak {
  readonly requests: Requests = new Requests();
  readonly samples: Sample[] = [];
  /** How often each fault was done. */
  readonly done: Map<FaultKind, number> = new Map();
  /** How the app died where nobody killed it. */
  readonly deaths: string[] = [];
  private readonly folder: string = mkdtempSync(join(tmpdir(), "kmkit-soak-"));
  private readonly collector = new CollectorProcess(join(this.folder, "data"));
  private readonly outbox = join(this.folder, "outbox");
  private disk: SmallDisk | undefined;
  private proxy: FaultyProxy | undefined;
  private url = "";
  private app: RecordingApp | undefined;
  private visitors: Visitors | undefined;
  private refusedBefore = 0;
  private refusedNow = 0;
  private collectorKills = 0;
  private killing = false;
  private readonly say: (text: string) => void;

  constructor(say: (text: string) => void) {
    this.say = say;
  }

  /** What the apps have counted as refused. */
  get refused(): number {
    return this.refusedBefore + this.refusedNow;
  }

  async run(faults: readonly Fault[], ms: number, rate: number): Promise<void> {
    mkdirSync(this.outbox);
    this.disk = SmallDisk.make(512, this.outbox);
    if (this.disk === undefined) this.say("nothing may be mounted here: no disk will be full");
    await this.collector.start();
    this.proxy = new FaultyProxy(this.collector.url);
    this.url = await this.proxy.listen();
    this.visitors = new Visitors(this.requests, rate);
    await this.startApp();
    const start = performance.now();
    const sampling = setInterval(() => this.sample(performance.now() - start), 1000);
    const works: Promise<void>[] = [];
    for (const fault of [...faults].sort((a, b) => a.at - b.at)) {
      await pause(Math.max(0, fault.at - (performance.now() - start)));
      if (fault.kind === "disk" && this.disk === undefined) continue;
      this.say(`${(fault.at / 1000).toFixed(1)} s: ${fault.kind}${fault.ms > 0 ? ` for ${(fault.ms / 1000).toFixed(1)} s` : ""}`);
      this.done.set(fault.kind, (this.done.get(fault.kind) ?? 0) + 1);
      works.push(this.do(fault));
    }
    await pause(Math.max(0, ms - (performance.now() - start)));
    await Promise.all(works);
    await this.visitors.stop();
    clearInterval(sampling);
  }

  /** Waits until everything has been stored; gives how often each number is. */
  async settle(): Promise<Uint8Array> {
    const idle = async () => {
      await this.look();
      return (await this.app?.ask("flush", { ms: 1000 }))?.kept === 0;
    };
    await until("the app has sent all", idle, CATCH_UP, () => this.app?.child.output.error.slice(-500));
    await until(
      "all is stored",
      async () => (await this.collector.status()).waiting === 0,
      CATCH_UP,
      () => this.collector.errors,
    );
    const stored = new Uint8Array(this.requests.asked);
    await this.collector.labels((label) => {
      const n = Number(label);
      if (Number.isInteger(n)) stored[n] = Math.min(255, (stored[n] ?? 0) + 1);
    });
    return stored;
  }

  async close(): Promise<void> {
    this.killing = true;
    await this.app?.signal("SIGKILL");
    await this.collector.signal("SIGKILL");
    this.proxy?.close();
    this.disk?.unmount();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async startApp(): Promise<void> {
    const app = RecordingApp.web({ options: { url: this.url, outbox: join(this.outbox, "kmkit") } });
    this.app = app;
    const port = await app.ready;
    await app.warm();
    if (this.visitors !== undefined) this.visitors.port = port;
    void app.child.ended.then(async (how) => {
      if (this.killing || this.app !== app) return;
      this.deaths.push(`${JSON.stringify(how)} ${app.child.output.error.trim().slice(-300)}`);
      this.say(`the app died by itself: ${this.deaths.at(-1)}`);
      this.endLife(app, monotonic());
      await this.startApp();
    });
  }

  private endLife(app: RecordingApp, at: number): void {
    if (this.visitors !== undefined) this.visitors.port = undefined;
    this.requests.excuse(app.safeBy(at));
    this.refusedBefore += this.refusedNow;
    this.refusedNow = 0;
  }

  private async do({ kind, ms }: Fault): Promise<void> {
    if (kind === "kill-app") return this.killApp(ms);
    if (kind === "kill-collector") {
      this.collectorKills += 1;
      const kills = this.collectorKills;
      await this.collector.signal("SIGKILL");
      await pause(ms);
      // Killed again in the meantime, perhaps while it starts: then that fault starts it.
      const again = () => this.collectorKills !== kills;
      if (again()) return;
      return this.collector.start().catch((cause: unknown) => {
        if (!again()) throw cause;
      });
    }
    if (kind === "disk") {
      this.disk?.fill();
      await pause(ms);
      this.disk?.free();
      return this.look();
    }
    const { proxy } = this;
    if (proxy === undefined) return;
    proxy.weather = kind as Weather;
    await pause(ms);
    proxy.clear();
  }

  private async killApp(ms: number): Promise<void> {
    const { app } = this;
    if (app === undefined || this.killing) return;
    await app.ready;
    if (app !== this.app || this.killing) return;
    await this.look();
    this.killing = true;
    const { at } = await app.signal("SIGKILL");
    this.endLife(app, at);
    await pause(Math.min(ms, 3000));
    this.killing = false;
    await this.startApp();
  }

  /** Asks the app what it has refused. It may be gone. */
  private async look(): Promise<void> {
    const { app } = this;
    const stats = await app?.ask("stats", {}).catch(() => undefined);
    if (stats === undefined || app !== this.app) return;
    this.refusedNow = Object.values(stats.refused).reduce((sum, count) => sum + count, 0);
  }

  private sample(at: number): void {
    const of = (pid: number | undefined) => {
      try {
        return anonymousMemory(pid as number) / 2 ** 20;
      } catch {
        return Number.NaN;
      }
    };
    this.samples.push({ at, app: of(this.app?.pid), collector: of(this.collector.pid) });
    void this.look();
  }
}
