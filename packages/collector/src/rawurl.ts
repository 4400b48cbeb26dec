import { once } from "node:events";
import { type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { classicTarget } from "./target.ts";

/** What Node hands over when its parser gives up. */
type ClientError = Error & { readonly code?: string; readonly rawPacket?: Buffer; readonly bytesParsed?: number };

/** A connection, and the answer that is being written on it, for requests that came before. */
type Socket = Duplex & { readonly _httpMessage?: ServerResponse | null; setTimeout?(ms: number, done: () => void): void };

type Fetch = (request: Request) => Response | Promise<Response>;

/** How long a client may take to read the last answer and to close, in ms. */
const LINGER = 2000;

/** What the parser says of a URL that has bytes above 127, or spaces. */
const badUrl = new Set(["HPE_INVALID_URL", "HPE_INVALID_CONSTANT", "HPE_INVALID_VERSION"]);

/**
 * Node's parser refuses bytes above 127 and spaces in a URL, but classic clients write them (`kissmetrics.md` §21.5). Such a call is read here from the
 * packet that the parser choked on, and answered behind those before it; the connection ends with it. Everything else that cannot be parsed gets
 * 400, 408 or 431 and is counted by `refused`; so does a URL of this kind that comes in several packets, of which only the last is to be had.
 */
export function answerRawUrls(server: Server, fetch: Fetch, refused: () => void): void {
  const ending = new WeakSet<Duplex>();
  server.on("clientError", (error: ClientError, socket: Socket) => {
    // What comes behind a broken request, or Node's reminder that it is not over.
    if (ending.has(socket)) return void (error.code === "ERR_HTTP_REQUEST_TIMEOUT" && socket.destroy());
    ending.add(socket);
    socket.on("error", () => {});
    if (!socket.writable) return void socket.destroy();
    const request = badUrl.has(error.code ?? "") ? classicRequest(error) : undefined;
    const status = error.code === "HPE_HEADER_OVERFLOW" ? 431 : error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
    // Whoever waits for a body counts that it does not come.
    if (request === undefined && status !== 408 && !isBodyless(socket)) refused();
    const answer = request === undefined ? Promise.resolve(short(status)) : answerOf(request, fetch).catch(() => short(500));
    void answer.then(async (bytes) => {
      await answeredBefore(socket);
      socket.setTimeout?.(LINGER, () => socket.destroy());
      if (socket.writable) socket.end(bytes);
    });
  });
}

/** Settles when the requests that came before on this connection have their answers. */
async function answeredBefore(socket: Socket): Promise<void> {
  while (socket._httpMessage && !isBodyless(socket) && !socket.destroyed) await once(socket._httpMessage, "close");
}

/** Whether what is broken is the body of a request, which waits for it. */
function isBodyless({ _httpMessage: message }: Socket): boolean {
  return message?.req.complete === false;
}

function short(status: number): Buffer {
  return Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

async function answerOf(request: Request, fetch: Fetch): Promise<Buffer> {
  const response = await fetch(request);
  const body = request.method === "HEAD" ? Buffer.alloc(0) : Buffer.from(await response.arrayBuffer());
  const length = request.method === "HEAD" ? [] : [["content-length", String(body.length)]];
  const head = [...response.headers, ["connection", "close"], ...length].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${response.status} ${STATUS_CODES[response.status]}\r\n${head}\r\n`), body]);
}

/** The classic GET or HEAD that the parser could not read, its URL encoded as it should have been. */
function classicRequest({ rawPacket, bytesParsed = 0 }: ClientError): Request | undefined {
  if (rawPacket === undefined) return undefined;
  // Others may stand before it in the packet, and have been read.
  const start = bytesParsed === 0 ? 0 : rawPacket.lastIndexOf("\n", bytesParsed - 1) + 1;
  const [head = "", behind] = rawPacket.toString("latin1", start).split("\r\n\r\n", 2);
  const [line = ""] = head.split("\r\n", 1);
  const [, method, written = ""] = /^(GET|HEAD) (.*) HTTP\/1\.[01]$/.exec(line) ?? [];
  const target = classicTarget(written.trim().replace(/[^\x21-\x7e]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`));
  if (method === undefined || target === undefined) return undefined;
  const headers: [string, string][] = [];
  // What the rule of hosts looks at, which refuses whoever shows no host: so does a head that is not all here. The URL's own host would only be one
  // more thing that may not parse.
  for (const name of behind === undefined ? [] : ["host", "origin", "sec-fetch-site"]) {
    const value = new RegExp(`\r\n${name}:[ \t]*([^\r\n]*)`, "i").exec(`${head}\r\n`)?.[1];
    if (value !== undefined) headers.push([name, value.trim()]);
  }
  try {
    return new Request(`http://localhost/${target.kind}?${target.query}`, { method, headers });
  } catch {
    // A header with characters that none may have.
    return undefined;
  }
}
