import type { IncomingMessage, ServerResponse } from "node:http";
import type { Exchange } from "@kmkit/core";
import onHeaders from "on-headers";
import { notesOf, sharedPrototype } from "./notes.ts";

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
  private fields: IncomingMessage["headers"] | undefined;

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
    this.fields ??= this.request.headers;
    return (name === "host" ? this.hints.host?.() : undefined) ?? textOf(this.fields[name]);
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
    watchOf(this.request, this.response)?.push(work);
  }

  ending(work: () => void): void {
    this.hints.ending?.(work);
    beforeEnd(this.response, work);
  }

  after(work: (finished: () => boolean) => void): void {
    const { response } = this;
    if (typeof response.on !== "function") return work(() => false);
    const finished = () => response.writableFinished;
    if (response.closed) return work(finished);
    // 'close' and not 'finish': after a client abort only 'close' fires, and it also does on kept connections.
    response.on("close", () => work(finished));
  }
}

type WriteHead = (this: ServerResponse, ...args: unknown[]) => ServerResponse;
type Works = (() => void)[];
type Watch = { readonly response: ServerResponse; readonly works: Works };

/**
 * Where a request notes what is to be done before the headers of its response are written; and the mark of a prototype whose `writeHead` is ours.
 * Both known by name, so that two copies of this package, or a hot reload, do not wrap it twice.
 */
const watching = Symbol.for("kmkit.watching");

/** What is to be done before these headers are written. Undefined for what is no response: for a web socket's handshake apps call middleware with `{}`. */
function watchOf(request: IncomingMessage, response: ServerResponse): Works | undefined {
  const notes = notesOf(request);
  const known = notes?.[watching] as Watch | undefined;
  if (known?.response === response) return known.works;
  const works: Works = [];
  // One that somebody has put a `writeHead` on may have been at it before the prototype's was ours.
  if (notes === undefined || Object.hasOwn(response, "writeHead") || !watchesAll(response)) {
    if (typeof response.writeHead !== "function") return undefined;
    const before = response.writeHead as WriteHead;
    response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
      return writeWatched(this, works, before, args);
    } as ServerResponse["writeHead"];
  }
  if (notes !== undefined) notes[watching] = { response, works };
  return works;
}

/** Whether the headers of this response are seen by a `writeHead` of ours, on the prototype that its framework shares among all responses. */
function watchesAll(response: ServerResponse): boolean {
  const shared = sharedPrototype(response) as ServerResponse | undefined;
  if (shared === undefined || Object.hasOwn(shared, watching)) return shared !== undefined;
  Object.defineProperty(shared, watching, { value: true });
  const own = Object.hasOwn(shared, "writeHead") ? (shared.writeHead as WriteHead) : undefined;
  const above = Object.getPrototypeOf(shared) as { writeHead: WriteHead };
  shared.writeHead = function (this: ServerResponse, ...args: unknown[]) {
    const watch = this.req === undefined ? undefined : (notesOf(this.req)?.[watching] as Watch | undefined);
    const writeHead = own ?? above.writeHead;
    // Another response to the same request is none of ours.
    return watch?.response === this ? writeWatched(this, watch.works, writeHead, args) : writeHead.apply(this, args);
  } as ServerResponse["writeHead"];
  return true;
}

/** Does the work and writes the headers. Nearly every answer comes by with its status alone: all else is left to `on-headers`, whose own way costs several microseconds a request. */
function writeWatched(response: ServerResponse, works: Works, writeHead: WriteHead, args: unknown[]): ServerResponse {
  if (works.length === 0) return writeHead.apply(response, args);
  // The last to come is the first to see the headers, as with on-headers.
  const work = () => {
    while (works.length > 0) works.pop()?.();
  };
  if (args.length === 1) {
    work();
    return writeHead.apply(response, args);
  }
  // It makes one function of two, on any object.
  const both = { writeHead } as unknown as ServerResponse;
  onHeaders(both, work);
  return (both.writeHead as WriteHead).apply(response, args);
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
