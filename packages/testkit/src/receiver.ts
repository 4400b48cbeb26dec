import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { classicCommand } from "./classic.ts";

/** A command as it came over the wire, not checked in any way. */
export interface ReceivedCommand {
  readonly id: string;
  readonly type: "record" | "set" | "alias";
  readonly time: number;
  readonly identity: string;
  readonly name?: string;
  readonly alias?: string;
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
}

/** One request whose body arrived in full, whatever became of it. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Bytes on the wire. */
  readonly size: number;
  /** The body, unpacked. */
  readonly text: string;
  readonly commands: readonly ReceivedCommand[];
  /** ms since the epoch. */
  readonly time: number;
}

/**
 * How a receiver treats the requests that come from now on:
 * - `accept`: takes all;
 * - `status:503`: answers that status and takes nothing;
 * - `retry-after:2`: 429 with that `Retry-After` (seconds, a date, or nonsense);
 * - `hang`: reads the request and never answers;
 * - `slow:500`: takes all and answers so many ms later;
 * - `reset`: cuts the connection before anything was taken;
 * - `lost-reply`: takes all, then cuts the connection in place of the answer;
 * - `partial:KM_NAME_EMPTY`: refuses the first command of each batch with that code and takes the others;
 * - `too-large:10`: 413 for a batch of more commands than that, takes smaller ones.
 */
export type Mode =
  | "accept"
  | `status:${number}`
  | `retry-after:${string}`
  | "hang"
  | `slow:${number}`
  | "reset"
  | "lost-reply"
  | `partial:${string}`
  | `too-large:${number}`;

/** A stand-in for a collector, on a real socket, that misbehaves on demand. It takes `/v1/commands` and the classic calls. */
export interface Receiver {
  readonly url: string;
  /** The commands of accepted requests, in order of arrival, copies too. */
  readonly commands: readonly ReceivedCommand[];
  /** Every request that arrived in full. */
  readonly requests: readonly ReceivedRequest[];
  /** Treat requests like this from now on. */
  mode(mode: Mode): void;
  /** Forget commands and requests. */
  clear(): void;
  /** Cut all connections and refuse new ones. */
  down(): Promise<void>;
  /** Listen again, on the same port. */
  up(): Promise<void>;
  close(): Promise<void>;
}

const unpack = promisify<Uint8Array, Buffer>(gunzip);

/**
 * Starts a receiver on a free port of 127.0.0.1.
 *
 * @example
 * const receiver = await startReceiver();
 * receiver.mode("status:503");
 * // … record something …
 * receiver.mode("accept");
 * await vi.waitFor(() => expect(receiver.commands).toHaveLength(1));
 * await receiver.close();
 */
export async function startReceiver(): Promise<Receiver> {
  const commands: ReceivedCommand[] = [];
  const requests: ReceivedRequest[] = [];
  const timers = new Set<NodeJS.Timeout>();
  let mode: Mode = "accept";
  let port = 0;

  const answer = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  };
  const take = (response: ServerResponse, taken: readonly ReceivedCommand[], rejected: readonly unknown[] = []) => {
    commands.push(...taken);
    answer(response, 200, { accepted: taken.length, rejected });
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const received = await receive(request);
    requests.push(received);
    const { 0: word, 1: value = "" } = /^([a-z-]+):(.*)$/.exec(mode)?.slice(1) ?? [mode];
    switch (word) {
      case "accept":
        return take(response, received.commands);
      case "status":
        return answer(response, Number(value), { code: "KM_TEST", message: mode });
      case "retry-after":
        return answer(response, 429, { code: "KM_TEST", message: mode }, { "retry-after": value });
      case "slow": {
        commands.push(...received.commands);
        const timer = setTimeout(() => {
          timers.delete(timer);
          answer(response, 200, { accepted: received.commands.length, rejected: [] });
        }, Number(value));
        timers.add(timer);
        return;
      }
      case "reset":
        request.socket.resetAndDestroy();
        return;
      case "lost-reply":
        commands.push(...received.commands);
        request.socket.destroy();
        return;
      case "partial":
        return take(response, received.commands.slice(1), [{ index: 0, code: value, message: "refused by the test" }]);
      case "too-large":
        if (received.commands.length <= Number(value)) return take(response, received.commands);
        return answer(response, 413, { code: "KM_BODY_TOO_LARGE", message: mode });
      case "hang":
        return;
      default:
        throw new Error(`startReceiver() knows no mode ${mode}`);
    }
  };
  const server = createServer((request, response) => {
    // A client that went away in mid-request is no fault of the receiver.
    serve(request, response).catch(() => request.socket.destroy());
  });
  const up = () =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.removeListener("error", reject);
        port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  const down = () =>
    new Promise<void>((resolve) => {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      server.close(() => resolve());
      server.closeAllConnections();
    });
  await up();
  return {
    url: `http://127.0.0.1:${port}`,
    commands,
    requests,
    mode: (next) => {
      mode = next;
    },
    clear: () => {
      commands.length = 0;
      requests.length = 0;
    },
    down,
    up,
    close: down,
  };
}

async function receive(request: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const text = (request.headers["content-encoding"] === "gzip" ? await unpack(body) : body).toString("utf8");
  const classic = classicCommand(request.url ?? "", text);
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return {
    method: request.method ?? "",
    path: request.url ?? "",
    headers: request.headers,
    size: body.length,
    text,
    commands: classic === undefined ? lines.map((line) => JSON.parse(line) as ReceivedCommand) : [classic],
    time: Date.now(),
  };
}
