import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { KmError, type Report } from "@kmkit/core";
import { answerTo, classicCall, GIF, HEADERS, PREFLIGHT, SCRIPT_HEADERS, senderOf } from "./classic.ts";
import type { Door } from "./door.ts";
import { refusal } from "./guard.ts";
import type { Access } from "./keys.ts";
import { pipelinedOn } from "./pipelined.ts";
import { postedForm } from "./posted.ts";
import { authorityOf, classicTarget, type Kind } from "./target.ts";

/** The picture as text of one byte a character: Node writes it together with the headers. */
const picture = Buffer.from(GIF).toString("latin1");
const headers = ["content-length", String(GIF.length), ...Object.entries(HEADERS).flat()];
const scriptHeaders = ["content-length", String(GIF.length), ...Object.entries(SCRIPT_HEADERS).flat()];

/**
 * Answers classic calls straight from Node's own request, without a framework's objects, and hands everything else on to `next`. Needs a server
 * with `requireHostHeader: false`: old clients send no `Host`, and get their picture; at any other address such a request gets the 400 that
 * RFC 9112 §3.2 demands.
 */
export function answerPixels(next: RequestListener, access: Access, door: Door, report: Report): RequestListener {
  const call = async (kind: Kind, query: string, response: ServerResponse, request: IncomingMessage): Promise<void> => {
    const form = await postedForm(request);
    if (form instanceof KmError) {
      door.refuse(form.code, 1, senderOf(query, access));
      return send(response, undefined, !request.complete);
    }
    return send(response, await classicCall(kind, `${query}&${form}`, access, door));
  };
  return (request, response) => {
    const { method, url = "" } = request;
    const target = classicTarget(url);
    if (target === undefined || !served(method)) return isHostless(request) ? refuseHostless(response) : next(request, response);
    const stranger = access.open ? strangeness(request, url) : undefined;
    if (stranger !== undefined) {
      door.refuse(stranger.code);
      return refuseStranger(response, stranger);
    }
    // Whatever came, the client gets its picture.
    const failed = (cause: unknown) => {
      report(new KmError("KM_INTERNAL", String(cause), cause));
      send(response);
    };
    try {
      if (method === "OPTIONS") return void response.writeHead(204, PREFLIGHT).end();
      pipelinedOn(request.socket).call(request.headers["user-agent"] === undefined);
      if (method === "POST") return void call(target.kind, target.query, response, request).catch(failed);
      const kept = classicCall(target.kind, target.query, access, door);
      // Not at once: what the next call in the same packet shows must be known before.
      if (kept === undefined) setImmediate(send, response);
      else void kept.then((error) => send(response, error), failed);
    } catch (cause) {
      setImmediate(failed, cause);
    }
  };
}

function send(response: ServerResponse, error?: KmError, last = false): void {
  const { req } = response;
  const calls = pipelinedOn(req.socket);
  if (calls.answered()) write(response, error, last);
  else calls.hold(() => write(response, error, last), req, last || !response.shouldKeepAlive);
}

function write(response: ServerResponse, error: KmError | undefined, last: boolean): void {
  const { status, retryAfter } = answerTo(error);
  if (retryAfter !== undefined) response.setHeader("retry-after", retryAfter);
  if (last) response.setHeader("connection", "close");
  response.writeHead(status, response.req.headers.origin === undefined ? headers : scriptHeaders);
  response.end(picture, "latin1");
}

function served(method: string | undefined): boolean {
  return method === "GET" || method === "HEAD" || method === "POST" || method === "OPTIONS";
}

/** Why a collector without keys does not answer this. Every browser sends `Host`: what comes without is no page that rebinds its name. */
function strangeness({ headers }: IncomingMessage, url: string): KmError | undefined {
  const header = (name: string) => (name === "host" ? (headers.host ?? "localhost") : (headers[name] as string | undefined));
  const authority = url.startsWith("/") ? undefined : authorityOf(url);
  return refusal(header) ?? (authority === undefined ? undefined : refusal((name) => (name === "host" ? authority : header(name))));
}

/** The same answer as at any other address. */
function refuseStranger(response: ServerResponse, { code, message }: KmError): void {
  const body = JSON.stringify({ code, message });
  const length = String(Buffer.byteLength(body));
  response.writeHead(code === "KM_HOST_REFUSED" ? 421 : 403, { "content-type": "application/json", "content-length": length }).end(body);
}

function isHostless({ headers, httpVersion }: IncomingMessage): boolean {
  return headers.host === undefined && httpVersion === "1.1";
}

function refuseHostless(response: ServerResponse): void {
  response.writeHead(400, { connection: "close", "content-length": "0" }).end();
}
