import type { Agent, RequestOptions } from "node:http";
import { promisify } from "node:util";
import type { Answer, Call, Gzip, Post } from "@kmkit/core";

/** Most bytes of an answer that are read. */
const MOST_ANSWER = 1 << 20;

/**
 * Requests over `node:http`, by kept connections. Unlike those of `fetch` their sockets do not keep the process alive: a script that records and
 * does not wait ends by itself, with the commands on disk.
 *
 * @param connections how many at the most
 */
export function httpCall(connections: number): Call {
  const agents = new Map<string, Agent>();
  return async (url, { method, headers, body }, signal) => {
    const address = new URL(url);
    // Loaded when the first batch leaves, since importing a middleware must cost nothing.
    const http = address.protocol === "https:" ? await import("node:https") : await import("node:http");
    const agent = agents.get(address.protocol) ?? new http.Agent({ keepAlive: true, maxSockets: connections });
    agents.set(address.protocol, agent);
    const length = body === undefined ? {} : { "content-length": body.length };
    const once = () => send(http, address, { method, agent, signal, headers: { ...headers, ...length } }, body);
    try {
      return await once();
    } catch (error) {
      // The receiver closed an idle connection at the moment we used it: that is no outage.
      if (error instanceof StaleConnection && !signal.aborted) return once();
      throw error;
    }
  };
}

/** Posts as {@link httpCall} does. */
export function httpPost(): Post {
  const call = httpCall(2);
  return (url, headers, body, signal) => call(url, { method: "POST", headers, body }, signal);
}

class StaleConnection extends Error {}

function send(
  http: Pick<typeof import("node:http"), "request">,
  url: URL,
  options: RequestOptions,
  body: Uint8Array | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MOST_ANSWER) request.destroy(new Error("the answer is too long to be a collector's"));
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"], text }));
    });
    request.on("socket", (socket) => socket.unref());
    request.on("error", (error: NodeJS.ErrnoException) => {
      const stale = request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
      reject(stale ? new StaleConnection(error.message) : error);
    });
    request.end(body);
  });
}

/** gzip off the main thread; level 1 is enough, higher ones cost more than they save. */
export const threadGzip: Gzip = async (bytes) => {
  const { gzip } = await import("node:zlib");
  return promisify<Uint8Array, { level: number }, Buffer<ArrayBuffer>>(gzip)(bytes, { level: 1 });
};
