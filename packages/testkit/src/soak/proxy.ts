import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a proxy does with requests: lets them pass, or one of the faults. `lost-reply` lets them pass and cuts the answer. */
export type Weather = "pass" | "hang" | "500" | "reset" | "lost-reply" | "slow";

/** Stands between the app and the collector, and makes the weather. */
export class FaultyProxy {
  weather: Weather = "pass";
  private readonly agent = new http.Agent({ keepAlive: true });
  private readonly server = http.createServer((request, response) => {
    void this.serve(request, response).catch(() => request.socket.destroy());
  });
  private target: string;

  constructor(target: string) {
    this.target = target;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Ends what hangs. */
  clear(): void {
    this.weather = "pass";
    this.server.closeAllConnections();
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
    this.agent.destroy();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { weather } = this;
    if (weather === "hang") return;
    if (weather === "reset") return void request.socket.resetAndDestroy();
    if (weather === "500") return void response.writeHead(500).end();
    if (weather === "slow") await new Promise((resolve) => setTimeout(resolve, 1500));
    const { status, headers, body } = await this.forward(request, Buffer.concat(chunks));
    if (weather === "lost-reply") return void request.socket.destroy();
    response.writeHead(status, headers).end(body);
  }

  private forward(
    { url, headers }: IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; headers: http.OutgoingHttpHeaders; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const request = http.request(`${this.target}${url}`, { method: "POST", agent: this.agent, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", reject);
        const { "content-type": type, "retry-after": after } = response.headers;
        const kept = { ...(type === undefined ? {} : { "content-type": type }), ...(after === undefined ? {} : { "retry-after": after }) };
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: kept, body: Buffer.concat(parts) }));
      });
      request.on("error", reject);
      request.end(body);
    });
  }
}
