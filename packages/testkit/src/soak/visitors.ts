import http from "node:http";
import { monotonic } from "../faults/form.ts";
import type { Requests } from "./requests.ts";

/** Most requests under way: beyond it the app is down or behind, and those that are due are left out. */
const MOST = 500;

/** Asks an app at a steady rate, whatever becomes of it, and notes which requests were answered. */
export class Visitors {
  /** Where the app listens; undefined while there is none. */
  port: number | undefined;
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  private readonly requests: Requests;
  private readonly timer: NodeJS.Timeout;
  private underWay = 0;
  private due = 0;
  private last: number = performance.now();

  constructor(requests: Requests, rate: number) {
    this.requests = requests;
    this.timer = setInterval(() => {
      const now = performance.now();
      this.due += Math.min(100, now - this.last) * (rate / 1000);
      this.last = now;
      for (; this.due >= 1; this.due -= 1) if (this.port !== undefined && this.underWay < MOST) this.ask(this.port);
    }, 5);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    while (this.underWay > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    this.agent.destroy();
  }

  private ask(port: number): void {
    const n = this.requests.next();
    this.underWay += 1;
    let over = false;
    const done = () => {
      if (!over) this.underWay -= 1;
      over = true;
    };
    const headers = { accept: "text/html", cookie: "km_ai=01890000-0000-7000-8000-000000000001" };
    const request = http.get({ port, host: "127.0.0.1", path: `/${n}`, agent: this.agent, headers }, (response) => {
      response.resume();
      response.on("end", () => {
        if (response.statusCode === 200) this.requests.answered(n, monotonic());
      });
      response.on("close", done);
    });
    request.on("error", done);
    request.setTimeout(30_000, () => request.destroy());
  }
}
