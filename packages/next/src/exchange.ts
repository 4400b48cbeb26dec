import type { Exchange } from "@kmkit/core";
import { exchangeOf } from "@kmkit/node";
import type { Beneath } from "./beneath.ts";
import { UNSHARED } from "./edge/kmproxy.ts";

/** Our cookies, in whose lines one layer follows another. */
const ours = /^km_(ai|claim|day)=/;

/** Fills in core's seam with the Node request and response beneath Next. */
export class NextExchange implements Exchange {
  /** The proxy has opened this request: its page may have been made long before, for everybody. */
  proxied = false;
  /** A page, an action or a handler has opened it: it comes after the proxy, so that its cookies count. */
  inner = false;
  readonly method: string;
  private readonly node: Exchange;
  private readonly beneath: Beneath;
  private lines = 0;

  constructor(beneath: Beneath) {
    const { request, response } = beneath;
    this.beneath = beneath;
    this.node = exchangeOf(request, response, {
      // Next believes what a proxy in front says, and so do we.
      secure: () => "encrypted" in request.socket || first(request.headers["x-forwarded-proto"])?.startsWith("https"),
      host: () => first(request.headers["x-forwarded-host"] ?? request.headers.host)?.replace(/:\d+$/, ""),
    });
    this.method = this.node.method;
  }

  get url(): string {
    return this.node.url;
  }

  get secure(): boolean {
    return this.node.secure;
  }

  header(name: string): string | undefined {
    return this.node.header(name) ?? this.sent(name);
  }

  /** A header as the client sent it: Next takes its own away, so that no component sees them. */
  sent(name: string): string | undefined {
    const { rawHeaders } = this.beneath.request;
    for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.toLowerCase() === name) return rawHeaders[at + 1];
    return undefined;
  }

  /** What the answer carries does not reach the browser: of a client-side navigation it holds the content alone, and of a request of Next's own to itself Next drops the cookies. */
  get mute(): boolean {
    return this.sent("rsc") !== undefined || this.sent("x-action-forwarded") !== undefined;
  }

  answered(name: string): string | undefined {
    // That a page was prerendered says nothing of the first visitor's cookie: it is not stored with the page.
    return this.proxied && name === "cache-control" ? undefined : this.node.answered(name);
  }

  setCookie(line: string): void {
    const { response } = this.beneath;
    if (this.lines === 0) {
      const set = [response.getHeader("set-cookie") ?? []].flat().map(String);
      const rest = set.filter((one) => !ours.test(one));
      // A layer that does not run in this process's Node has written its own: whichever comes later in the request counts.
      if (rest.length < set.length && !this.inner) return;
      if (rest.length < set.length) response.setHeader("set-cookie", rest);
    }
    this.lines += 1;
    this.node.setCookie(line);
  }

  setHeader(name: string, value: string): void {
    this.node.setHeader(name, this.proxied && name === "cache-control" ? UNSHARED : value);
  }

  session(): Record<string, unknown> | undefined {
    return this.node.session();
  }

  headers(work: () => void): void {
    if (!this.mute) this.node.headers(work);
  }

  ending(work: () => void): void {
    this.node.ending(work);
  }

  after(work: (finished: () => boolean) => void): void {
    const { response } = this.beneath;
    // Whoever asks when the client has long left would wait for ever.
    if (response.closed) return work(() => response.writableFinished && !this.mute);
    // Next alone comes to the ten listeners from which on Node warns, where it hands a request on to another server.
    const most = response.getMaxListeners();
    if (most > 0) response.setMaxListeners(most + 1);
    this.node.after((finished) => work(() => finished() && !this.mute));
  }
}

function first(value: string | readonly string[] | undefined): string | undefined {
  return (typeof value === "string" ? value.split(",")[0] : value?.[0])?.trim();
}
