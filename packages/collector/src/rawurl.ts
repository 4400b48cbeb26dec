import type { Server } from "node:http";
import type { Duplex } from "node:stream";

/** What Node hands over when its parser gives up. */
type ClientError = Error & { readonly code?: string; readonly rawPacket?: Buffer };

/**
 * Node's parser refuses bytes above 127 in a URL, but classic clients write them (`kissmetrics.md` §21.5). Such a call is read here from the packet
 * that the parser choked on, and answered; the connection ends with it. Everything else that cannot be parsed gets its 400, as ever.
 */
export function answerRawUrls(server: Server, fetch: (request: Request) => Response | Promise<Response>): void {
  server.on("clientError", (error: ClientError, socket: Duplex) => {
    const refuse = () => socket.writable && socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    const request = error.code === "HPE_INVALID_URL" && error.rawPacket !== undefined ? classicRequest(error.rawPacket) : undefined;
    socket.on("error", () => {});
    if (request === undefined) return refuse();
    return void answer(request, socket, fetch).catch(refuse);
  });
}

async function answer(request: Request, socket: Duplex, fetch: (request: Request) => Response | Promise<Response>): Promise<void> {
  const response = await fetch(request);
  const body = Buffer.from(await response.arrayBuffer());
  const headers = [...response.headers, ["connection", "close"], ["content-length", String(body.length)]];
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 ${response.status} -\r\n${head}\r\n`), body]));
}

/** A classic GET or HEAD at the beginning of a packet, its URL encoded as it should have been. */
function classicRequest(packet: Buffer): Request | undefined {
  const text = packet.toString("latin1");
  const [, method, target = ""] = /^(GET|HEAD) (\/[esa]\?[^\s]*) HTTP\/1\.[01]\r\n/.exec(text) ?? [];
  const host = /\r\nhost:[ \t]*([^\s]+)/i.exec(text)?.[1];
  if (method === undefined || host === undefined) return undefined;
  const encoded = target.replace(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
  // The host is looked at by the app; in the URL it would only be one more thing that may not parse.
  return new Request(`http://localhost${encoded}`, { method, headers: { host } });
}
