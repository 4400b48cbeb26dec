import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Child, startChild } from "../child.ts";

const program = `
import { createCollector } from "../dist/index.js";
const { DIRECTORY, PORT } = process.env;
const collector = await createCollector({ directory: DIRECTORY });
const { port } = await collector.listen({ port: Number(PORT), host: "127.0.0.1" });
process.on("SIGTERM", () => void collector.close().then(() => process.exit(0)));
console.log("ready", port);
`;

/** What a collector says of itself, as far as fault runs ask. */
export interface CollectorStatus {
  /** Acknowledged and not stored yet. */
  readonly waiting: number;
  readonly stored: number;
  readonly setAside: number;
  readonly fault: string | null;
}

/** A real collector in a process of its own, that can be killed and started again on the same directory and port. */
export class CollectorProcess {
  readonly directory: string;
  private child: Child | undefined;
  private port = 0;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.child?.process.pid as number;
  }

  /** What it has printed to standard error in its present life. */
  get errors(): string {
    return this.child?.output.error ?? "";
  }

  async start(): Promise<void> {
    this.child = startChild(program, {
      cwd: join(import.meta.dirname, "../../../collector/test"),
      env: { DIRECTORY: this.directory, PORT: String(this.port), NODE_ENV: "production" },
    });
    this.port = Number(await this.child.line("ready"));
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    this.child?.process.kill(signal);
    await this.child?.ended;
  }

  async status(): Promise<CollectorStatus> {
    return (await (await fetch(`${this.url}/v1/status`)).json()) as CollectorStatus;
  }

  /** Calls `each` with the label of every stored command that has one: twice for one that is stored twice. */
  async labels(each: (label: string) => void): Promise<void> {
    const response = await fetch(`${this.url}/v1/export`);
    let rest = "";
    for await (const text of (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const { n } = JSON.parse(line) as { n?: string };
        if (n !== undefined) each(n);
      }
    }
  }
}
