import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AppOptions, RecordingApp } from "./app.ts";
import type { Certificate } from "./certificates.ts";
import { until } from "./form.ts";
import { FaultyReceiver } from "./receiver.ts";

/** How a test says what is to be done when it is over: `onTestFinished` of its context. */
export type Finish = (work: () => Promise<void>) => void;

/** What one fault run stands on: a receiver, an outbox directory, and apps that record. All of it is gone when the test is over. */
export class Rig {
  readonly receiver: FaultyReceiver;
  readonly directory: string;
  /** Every app that was started. */
  readonly apps: RecordingApp[] = [];
  private readonly folder: string;

  private constructor(receiver: FaultyReceiver) {
    this.receiver = receiver;
    this.folder = mkdtempSync(join(tmpdir(), "kmkit-fault-"));
    this.directory = join(this.folder, "outbox");
  }

  static async open(finish: Finish, options: { certificate?: Certificate } = {}): Promise<Rig> {
    const rig = new Rig(await FaultyReceiver.start(options));
    finish(() => rig.close());
    return rig;
  }

  plain(options: object = {}, env: Record<string, string> = {}): RecordingApp {
    return this.add(RecordingApp.plain(this.with(options, env)));
  }

  web(options: object = {}, env: Record<string, string> = {}): RecordingApp {
    return this.add(RecordingApp.web(this.with(options, env)));
  }

  /** Waits until all of these were taken by the receiver, each under one id. */
  async arrived(labels: readonly string[], ms: number): Promise<void> {
    const { ledger } = this.receiver;
    let missing = [...labels];
    const all = () => {
      missing = ledger.missing(missing);
      return missing.length === 0;
    };
    await until(`all of ${labels.length} arrive`, all, ms, () => `${missing.length} missing, such as ${missing.slice(0, 3)}`);
    if (ledger.doubles.size > 0) throw new Error(`recorded once and sent under two ids: ${[...ledger.doubles].slice(0, 3)}`);
  }

  private with(options: object, env: Record<string, string>): AppOptions {
    return { options: { url: this.receiver.url, outbox: this.directory, ...options }, env };
  }

  private add(app: RecordingApp): RecordingApp {
    this.apps.push(app);
    return app;
  }

  private async close(): Promise<void> {
    for (const app of this.apps) app.child.process.kill("SIGKILL");
    await Promise.all(this.apps.map((app) => app.child.ended));
    await this.receiver.down();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
