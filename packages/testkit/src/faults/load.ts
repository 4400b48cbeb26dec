import http from "node:http";
import { monotonic } from "./form.ts";

/** Asks a web app again and again, over kept connections, and notes when each request was answered. */
export class Load {
  /** When each label was answered, by {@link monotonic}. */
  readonly answered: Map<string, number> = new Map();
  private readonly agent: http.Agent;
  private readonly workers: Promise<void>;
  private stopped = false;
  private next = 0;

  constructor(port: number, label: string, connections: number = 20) {
    this.agent = new http.Agent({ keepAlive: true, maxSockets: connections });
    this.workers = Promise.all(Array.from({ length: connections }, () => this.work(port, label))).then(() => this.agent.destroy());
  }

  /** What had been answered by that time. */
  answeredBy(time: number): string[] {
    return [...this.answered].filter(([, at]) => at <= time).map(([label]) => label);
  }

  /** Ask nothing more; settles when the last answer is in, or the app is gone. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.workers;
  }

  private async work(port: number, label: string): Promise<void> {
    while (!this.stopped) {
      const n = `${label}.${this.next++}`;
      if (!(await this.get(port, n))) return;
      this.answered.set(n, monotonic());
    }
  }

  private get(port: number, path: string): Promise<boolean> {
    return new Promise((resolve) => {
      const headers = { accept: "text/html" };
      const request = http.get({ port, host: "127.0.0.1", path: `/${path}`, agent: this.agent, headers }, (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode === 200));
        response.on("error", () => resolve(false));
      });
      request.on("error", () => resolve(false));
    });
  }
}
