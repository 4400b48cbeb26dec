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
  return new NodeExchange(request, response, hints);
}

/** A class, and not an object with getters: of those V8 makes a new shape for each request, and its garbage collection costs more than all else. */
class NodeExchange implements Exchange {
  readonly method: string;
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  private readonly hints: NodeHints;

  constructor(request: IncomingMessage, response: ServerResponse, hints: NodeHints) {
    this.method = request.method ?? "GET";
    this.request = request;
    this.response = response;
    this.hints = hints;
  }

  get url(): string {
    return this.hints.url?.() ?? this.request.url ?? "/";
  }

  get secure(): boolean {
    return this.hints.secure?.() ?? "encrypted" in this.request.socket;
  }

  header(name: string): string | undefined {
    return (name === "host" ? this.hints.host?.() : undefined) ?? textOf(this.request.headers[name]);
  }

  answered(name: string): string | undefined {
    return textOf(this.response.getHeader(name));
  }

  /** Appends to what the app has set by setHeader, by the framework or by writeHead: on-headers has merged all that by now. */
  setCookie(line: string): void {
    this.response.appendHeader("Set-Cookie", line);
  }

  setHeader(name: string, value: string): void {
    this.response.setHeader(name, value);
  }

  session(): Record<string, unknown> | undefined {
    const session = this.hints.session === undefined ? (this.request as { session?: unknown }).session : this.hints.session();
    return typeof session === "object" && session !== null ? (session as Record<string, unknown>) : undefined;
  }

  headers(work: () => void): void {
    watchOf(this.response)?.atHeaders.push(work);
  }

  ending(work: () => void): void {
    this.hints.ending?.(work);
    beforeEnd(this.response, work);
  }

  after(work: (finished: boolean) => void): void {
    const { response } = this;
    if (typeof response.on !== "function") return work(false);
    if (response.closed) return work(response.writableFinished);
    // 'close' and not 'finish': after a client abort only 'close' fires, and it also does on kept connections.
    response.on("close", () => work(response.writableFinished));
  }
}

/** What is to be done before the headers of a response are written. */
interface Watch {
  /** The `writeHead` that stood there before ours. */
  readonly writeHead: (...args: unknown[]) => ServerResponse;
  readonly atHeaders: (() => void)[];
}

const watches = Symbol("kmkit.watch");
type Watched = ServerResponse & { [watches]?: Watch };

/** Undefined for what is no response: for a web socket's handshake apps call middleware with `{}`. */
function watchOf(response: Watched): Watch | undefined {
  const known = response[watches];
  if (known !== undefined) return known;
  if (typeof response.writeHead !== "function") return undefined;
  const watch: Watch = { writeHead: response.writeHead as Watch["writeHead"], atHeaders: [] };
  response[watches] = watch;
  response.writeHead = writeHead as ServerResponse["writeHead"];
  return watch;
}

/** Nearly every answer comes by with its status alone: all else is left to `on-headers`, whose own way costs several microseconds a request. */
function writeHead(this: Watched, ...args: unknown[]): ServerResponse {
  const watch = this[watches] as Watch;
  if (watch.atHeaders.length === 0) return watch.writeHead.apply(this, args);
  // The last to come is the first to see the headers, as with on-headers.
  const work = () => {
    while (watch.atHeaders.length > 0) watch.atHeaders.pop()?.();
  };
  if (args.length === 1) {
    work();
    return watch.writeHead.apply(this, args);
  }
  const outer = this.writeHead;
  this.writeHead = watch.writeHead as ServerResponse["writeHead"];
  onHeaders(this, work);
  const inner = this.writeHead as Watch["writeHead"];
  this.writeHead = outer;
  return inner.apply(this, args);
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
