import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { KmError, type Report } from "@kmkit/core";
import { classicCall, GIF, type Kind } from "./classic.ts";
import type { Door } from "./door.ts";
import { refusal } from "./guard.ts";
import type { Access } from "./keys.ts";

/** The picture as text of one byte a character: Node writes it together with the headers. */
const picture = Buffer.from(GIF).toString("latin1");
const headers = ["content-type", "image/gif", "content-length", String(GIF.length), "cache-control", "no-store"];

/** Answers classic calls straight from Node's own request, without a framework's objects, and hands everything else on to `next`. */
export function answerPixels(next: RequestListener, access: Access, door: Door, report: Report): RequestListener {
  return (request, response) => {
    const kind = kindOf(request);
    const header = (name: string) => request.headers[name] as string | undefined;
    // Whom this collector does not serve gets the same answer as ever.
    if (kind === undefined || (access.open && refusal(header) !== undefined)) return next(request, response);
    const answer = () => send(response);
    // Whatever came, the client gets its picture.
    const failed = (cause: unknown) => {
      report(new KmError("KM_INTERNAL", String(cause), cause));
      answer();
    };
    try {
      const kept = classicCall(kind, (request.url as string).slice(3), access, door);
      if (kept === undefined) answer();
      else void kept.then(answer, failed);
    } catch (cause) {
      failed(cause);
    }
  };
}

function send(response: ServerResponse): void {
  response.writeHead(200, headers);
  response.end(picture, "latin1");
}

/** Which classic call it is that comes by GET or HEAD. */
function kindOf({ method, url = "" }: IncomingMessage): Kind | undefined {
  if ((method !== "GET" && method !== "HEAD") || !/^\/[esa](\?|$)/.test(url)) return undefined;
  return url.charAt(1) as Kind;
}
