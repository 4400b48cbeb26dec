import type { Exchange } from "./exchange.ts";

/** What a framework or a platform knows better than the `Request` does. */
export interface WebHints {
  /** The session object, if the framework has one. */
  readonly session?: () => unknown;
  /** See {@link Exchange.blind}. */
  readonly blind?: boolean;
  /** The Node response beneath, where there is one: it knows when it is over, and the app may have set headers there. Else the body is watched. */
  readonly beneath?: Beneath | undefined;
  /** A header of the request, by its lower-case name, where the platform has it more cheaply than the `Request` does. */
  readonly header?: ((name: string) => string | undefined) | undefined;
  /** Puts a header on the answer when it is written, a `Set-Cookie` beside the app's own. Else it is put on a copy of the answer. */
  readonly late?: ((name: string, value: string) => void) | undefined;
}

/** What is asked of a Node response beneath. */
export interface Beneath {
  readonly headersSent: boolean;
  readonly writableFinished: boolean;
  getHeader(name: string): number | string | readonly string[] | undefined;
  once(event: "close", work: () => void): unknown;
}

/**
 * Fills in core's seam for everything that turns a `Request` into a `Response`. The adapter hands the app's answer through
 * {@link WebExchange.answer}, or calls {@link WebExchange.fail} when there is none.
 *
 * @example
 * const exchange = new WebExchange(request);
 * const km = openRequest(client, options, request, exchange);
 * const response = exchange.answer(await handler(request, km));
 * context.waitUntil(exchange.over.then(() => client.safe()));
 */
export class WebExchange implements Exchange {
  /** Settles when the response is over and its commands have been put. */
  readonly over: Promise<void>;
  private readonly request: Request;
  private readonly hints: WebHints;
  private readonly atEnd: (() => void)[] = [];
  private readonly atHeaders: (() => void)[] = [];
  private readonly afterwards: ((finished: () => boolean) => void)[] = [];
  private response: Response | undefined;
  private own = false;
  private done = false;
  private finished = false;
  private settle: () => void = () => {};

  constructor(request: Request, hints: WebHints = {}) {
    this.request = request;
    this.hints = hints;
    this.over = new Promise((resolve) => {
      this.settle = resolve;
    });
    const { beneath } = hints;
    beneath?.once("close", () => this.end(beneath.writableFinished));
  }

  get blind(): boolean {
    return this.hints.blind === true;
  }

  get method(): string {
    return this.request.method;
  }

  get url(): string {
    const { pathname, search } = new URL(this.request.url);
    return pathname + search;
  }

  get secure(): boolean {
    return this.request.url.startsWith("https:");
  }

  header(name: string): string | undefined {
    if (name === "host") return new URL(this.request.url).hostname;
    return this.hints.header === undefined ? (this.request.headers.get(name) ?? undefined) : this.hints.header(name);
  }

  answered(name: string): string | undefined {
    return this.response?.headers.get(name) ?? this.hints.beneath?.getHeader(name)?.toString();
  }

  setCookie(line: string): void {
    if (this.hints.late === undefined) this.writable()?.append("set-cookie", line);
    else this.hints.late("set-cookie", line);
  }

  setHeader(name: string, value: string): void {
    if (this.hints.late === undefined) this.writable()?.set(name, value);
    else this.hints.late(name, value);
  }

  session(): Record<string, unknown> | undefined {
    const session = this.hints.session?.();
    return typeof session === "object" && session !== null ? (session as Record<string, unknown>) : undefined;
  }

  headers(work: () => void): void {
    this.atHeaders.push(work);
  }

  ending(work: () => void): void {
    this.atEnd.push(work);
  }

  after(work: (finished: () => boolean) => void): void {
    if (this.done) work(() => this.finished);
    else this.afterwards.push(work);
  }

  /** The app's answer, with our cookies on it. What is no answer (a web socket's 101, a network error, one that is already sent) goes through untouched. */
  answer(response: Response): Response {
    const { beneath } = this.hints;
    for (const work of this.atEnd) work();
    if (response.status < 200 || beneath?.headersSent === true) {
      if (beneath === undefined) this.end(true);
      return response;
    }
    this.response = response;
    for (const work of this.atHeaders) work();
    return beneath === undefined ? this.watched(this.response) : this.response;
  }

  /** There will be no answer of the app's. */
  fail(): void {
    if (this.hints.beneath === undefined) this.end(false);
  }

  /** Headers to write to: those of a copy, since the app may hand out one `Response` to everybody, or one whose headers are immutable. */
  private writable(): Headers | undefined {
    if (this.response === undefined || this.own) return this.response?.headers;
    this.response = new Response(this.response.body, this.response);
    this.own = true;
    // The lines of an answer take the place of those beneath.
    const beneath = this.hints.beneath?.getHeader("set-cookie") ?? [];
    for (const line of typeof beneath === "object" ? beneath : [String(beneath)]) this.response.headers.append("set-cookie", line);
    return this.response.headers;
  }

  /** The same answer with a body that tells when it has been read to its end, or will not be. Reads nothing ahead. */
  private watched(response: Response): Response {
    const { signal, method } = this.request;
    const { body } = response;
    if (body === null || body.locked || method === "HEAD") {
      this.end(signal?.aborted !== true);
      return response;
    }
    signal?.addEventListener("abort", () => this.end(false), { once: true });
    const reader = body.getReader();
    const stream = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          try {
            const { done, value } = await reader.read();
            if (!done) return controller.enqueue(value);
            this.end(true);
            controller.close();
          } catch (cause) {
            this.end(false);
            controller.error(cause);
          }
        },
        cancel: (reason) => {
          this.end(false);
          return reader.cancel(reason);
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(stream, response);
  }

  private end(finished: boolean): void {
    if (this.done) return;
    this.done = true;
    this.finished = finished;
    for (const work of this.afterwards) work(() => finished);
    this.settle();
  }
}
