import type { IncomingMessage, ServerResponse } from "node:http";
import type { Exchange } from "@kmkit/core";
import onHeaders from "on-headers";

/** What a framework knows better than `node:http` does. */
export interface NodeHints {
  /** The path and query as the client asked for them, where the framework rewrites `request.url`. */
  readonly url?: () => string | undefined;
  /** Whether the client spoke https, by the framework's trust-proxy rule. */
  readonly secure?: () => boolean | undefined;
  /** The host that the client asked for, by the same rule; without a port. */
  readonly host?: () => string | undefined;
  /** The session object, if it does not stand in `request.session`. */
  readonly session?: () => unknown;
  /** Does the work before a session library saves, where that does not wait for `response.end`. It may be done more than once. */
  readonly ending?: (work: () => void) => void;
}

/**
 * Fills in core's seam for every framework that stands on `node:http`.
 *
 * @example
 * openRequest(client, options, request, exchangeOf(request, response, { secure: () => request.secure }));
 */
export function exchangeOf(request: IncomingMessage, response: ServerResponse, hints: NodeHints = {}): Exchange {
  // For a web socket's handshake apps call middleware with `{}`: there is no answer, so that nothing waits for it.
  const answers = typeof response.writeHead === "function" && typeof response.once === "function";
  return {
    method: request.method ?? "GET",
    get url() {
      return hints.url?.() ?? request.url ?? "/";
    },
    get secure() {
      return hints.secure?.() ?? "encrypted" in request.socket;
    },
    header: (name) => (name === "host" ? hints.host?.() : undefined) ?? textOf(request.headers[name]),
    answered: (name) => textOf(response.getHeader(name)),
    // Appends to what the app has set by setHeader, by the framework or by writeHead: on-headers has merged all that by now.
    setCookie: (line) => void response.appendHeader("Set-Cookie", line),
    setHeader: (name, value) => void response.setHeader(name, value),
    session: () => {
      const session = hints.session === undefined ? (request as { session?: unknown }).session : hints.session();
      return typeof session === "object" && session !== null ? (session as Record<string, unknown>) : undefined;
    },
    headers: (work) => onHeaders(response, work),
    ending: (work) => {
      hints.ending?.(work);
      beforeEnd(response, work);
    },
    // 'close' and not 'finish': after a client abort only 'close' fires, and it also does on kept connections.
    after: (work) => (answers ? void response.once("close", () => work(response.writableFinished)) : work(false)),
  };
}

function textOf(value: string | number | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : value?.join(", ");
}

/** Session libraries save inside their own `end`, before the headers are written: what comes later than this call is lost to them. */
function beforeEnd(response: ServerResponse, work: () => void): void {
  const end = response.end;
  let done = false;
  response.end = function (this: ServerResponse, ...args: unknown[]) {
    if (!done) {
      done = true;
      work();
    }
    return Reflect.apply(end, this, args) as ServerResponse;
  } as ServerResponse["end"];
}
