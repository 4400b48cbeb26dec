import http from "node:http";
import https from "node:https";
import { promisify } from "node:util";
import { gzip as compress } from "node:zlib";
import type { Answer, Gzip, Post } from "@kmkit/core";

/** Most bytes of an answer that are read. */
const MOST_ANSWER = 1 << 20;

/**
 * Posts over `node:http` with one kept connection. Unlike `fetch` its sockets do not keep the process alive: a script that records and does not
 * wait ends by itself, with the commands on disk.
 */
export function httpPost(): Post {
  const agents = {
    "http:": new http.Agent({ keepAlive: true, maxSockets: 2 }),
    "https:": new https.Agent({ keepAlive: true, maxSockets: 2 }),
  };
  return async (url, headers, body, signal) => {
    const once = () => send(new URL(url), headers, body, signal, agents);
    try {
      return await once();
    } catch (error) {
      // The receiver closed an idle connection at the moment we used it: that is no outage.
      if (error instanceof StaleConnection && !signal.aborted) return once();
      throw error;
    }
  };
}

class StaleConnection extends Error {}

function send(
  url: URL,
  headers: Record<string, string>,
  body: Uint8Array,
  signal: AbortSignal,
  agents: Record<"http:" | "https:", http.Agent>,
): Promise<Answer> {
  const secure = url.protocol === "https:";
  const agent = agents[secure ? "https:" : "http:"];
  return new Promise((resolve, reject) => {
    const options = { method: "POST", agent, signal, headers: { ...headers, "content-length": body.length } };
    const request = (secure ? https : http).request(url, options, (response) => {
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

const compressed = promisify<Uint8Array, { level: number }, Buffer<ArrayBuffer>>(compress);

/** gzip off the main thread; level 1 is enough, higher ones cost more than they save. */
export const threadGzip: Gzip = (bytes) => compressed(bytes, { level: 1 });
