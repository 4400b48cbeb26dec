import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttps, type Server as HttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { Certificate } from "./certificates.ts";
import { monotonic } from "./form.ts";
import { Ledger } from "./ledger.ts";

/**
 * How a misbehaving receiver treats requests. What stands behind the colon is a number of ms, of seconds (`busy`, `busy-until`) or of commands:
 * - `accept`, `slow:ms`: takes all; at once, or answering so much later;
 * - `status:500`: that status, nothing taken; `busy:s`: 429 with `Retry-After` in seconds; `busy-until:s`: 503 with it as a date;
 * - `hang:ms`: nothing taken, no answer, and a reset after that time; `reset`, `reset-in-body`: cut at the end, or at the first bytes;
 * - `lost-reply`: takes all and cuts; `lost-reply:20`: every 20th request, and takes the others as usual;
 * - `half-closed`: ends its own half without an answer; `no-http`: answers in another protocol; `cut-answer`: takes all, cuts in mid-answer;
 * - `page`: a web page with status 200, nothing taken, as a wrong address or a portal gives;
 * - `too-large:n`: 413 above so many commands; `redirect:URL`: 302;
 * - `half-refused:CODE`: takes the first half and refuses each of the others; `half-cut`: takes the first half and cuts;
 * - `half-told`: takes the first half and says so by `accepted` alone.
 */
export type Behaviour =
  | "accept"
  | "reset"
  | "reset-in-body"
  | "lost-reply"
  | "half-closed"
  | "no-http"
  | "cut-answer"
  | "page"
  | "half-cut"
  | "half-told"
  | `${"slow" | "status" | "busy" | "busy-until" | "hang" | "lost-reply" | "too-large" | "redirect" | "half-refused"}:${string}`;

/** One request, without its body. */
export interface Arrival {
  /** By {@link monotonic}. */
  readonly time: number;
  readonly commands: number;
  readonly behaviour: Behaviour;
  readonly authorization: string | undefined;
  readonly remotePort: number | undefined;
}

const unpack = promisify<Uint8Array, Buffer>(gunzip);

/** A receiver that misbehaves on demand and keeps a {@link Ledger}, on a real socket of 127.0.0.1 (or another loopback address). */
export class FaultyReceiver {
  readonly ledger: Ledger = new Ledger();
  readonly arrivals: Arrival[] = [];
  private readonly server: Server | HttpsServer;
  private readonly host: string;
  private readonly scheme: "http" | "https";
  private readonly timers = new Set<NodeJS.Timeout>();
  private port: number;
  private behaviour: Behaviour = "accept";
  private left = Number.POSITIVE_INFINITY;
  private served = 0;

  private constructor({ host = "127.0.0.1", port = 0, certificate }: { host?: string; port?: number; certificate?: Certificate }) {
    this.host = host;
    this.port = port;
    this.scheme = certificate === undefined ? "http" : "https";
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      this.serve(request, response).catch(() => request.socket.destroy());
    };
    this.server = certificate === undefined ? createHttp(listener) : createHttps(certificate, listener);
    // A client that does not trust us says so to the server, too.
    this.server.on("tlsClientError", () => {});
    this.server.keepAliveTimeout = 60_000;
  }

  static async start(options: { host?: string; port?: number; certificate?: Certificate } = {}): Promise<FaultyReceiver> {
    const receiver = new FaultyReceiver(options);
    await receiver.up();
    return receiver;
  }

  get url(): string {
    return `${this.scheme}://${this.host}:${this.port}`;
  }

  /** Treat requests like this from now on; with `requests`, only so many, and then accept. */
  behave(behaviour: Behaviour, requests: number = Number.POSITIVE_INFINITY): void {
    this.behaviour = behaviour;
    this.left = requests;
  }

  /** Show another certificate to those who connect from now on. */
  show(certificate: Certificate): void {
    (this.server as HttpsServer).setSecureContext(certificate);
  }

  /** Listen (again), on the same port. */
  async up(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(this.port, this.host, () => {
        this.server.removeListener("error", reject);
        resolve();
      });
    });
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Cut all connections and refuse new ones. */
  async down(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private next(): Behaviour {
    if (this.left <= 0) return "accept";
    this.left -= 1;
    return this.behaviour;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const behaviour = this.next();
    const [word = "", value = ""] = [behaviour.split(":", 1)[0], behaviour.slice(behaviour.indexOf(":") + 1)];
    const { authorization } = request.headers;
    const arrival = { time: monotonic(), behaviour, authorization, remotePort: request.socket.remotePort };
    if (word === "reset-in-body") {
      request.once("data", () => request.socket.resetAndDestroy());
      this.arrivals.push({ ...arrival, commands: 0 });
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const text = (request.headers["content-encoding"] === "gzip" ? await unpack(body) : body).toString("utf8");
    this.served += 1;
    const lost = word === "lost-reply" && (behaviour === "lost-reply" || this.served % Number(value) === 0);
    const whole = ["accept", "slow", "lost-reply", "cut-answer"].includes(word);
    const half = word.startsWith("half-") && word !== "half-closed";
    const commands = this.ledger.note(text, (index, count) => {
      if (word === "too-large") return count <= Number(value);
      return whole || (half && index < Math.ceil(count / 2));
    });
    this.arrivals.push({ ...arrival, commands });
    if (lost) return void request.socket.destroy();
    this.answer(word, value, commands, request, response);
  }

  private answer(word: string, value: string, commands: number, { socket }: IncomingMessage, response: ServerResponse): void {
    const say = (status: number, body: unknown, headers: Record<string, string> = {}) => {
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
    };
    const half = Math.ceil(commands / 2);
    const rest = Array.from({ length: commands - half }, (_, n) => ({ index: half + n, code: value, message: "refused by the test" }));
    const answers: Record<string, () => unknown> = {
      status: () => say(Number(value), { code: "KM_TEST" }),
      busy: () => say(429, { code: "KM_TEST" }, { "retry-after": value }),
      // HTTP dates have whole seconds.
      "busy-until": () => say(503, {}, { "retry-after": new Date(Math.ceil(Date.now() / 1000 + Number(value)) * 1000).toUTCString() }),
      slow: () => this.later(() => say(200, { accepted: commands, rejected: [] }), Number(value)),
      hang: () => this.later(() => socket.resetAndDestroy(), Number(value)),
      reset: () => socket.resetAndDestroy(),
      "half-closed": () => socket.end(),
      "no-http": () => socket.end("220 mail.example ESMTP ready\r\n"),
      "cut-answer": () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{");
        socket.end();
      },
      page: () => response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Welcome</title>"),
      redirect: () => response.writeHead(302, { location: value }).end(),
      "half-refused": () => say(200, { accepted: half, rejected: rest }),
      "half-cut": () => socket.destroy(),
      "half-told": () => say(200, { accepted: half, rejected: [] }),
    };
    if (word === "too-large" && commands > Number(value)) return say(413, { code: "KM_BODY_TOO_LARGE" });
    (answers[word] ?? (() => say(200, { accepted: commands, rejected: [] })))();
  }

  private later(work: () => void, ms: number): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
    }, ms);
    this.timers.add(timer);
  }
}
