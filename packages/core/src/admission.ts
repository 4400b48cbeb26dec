import { isCrawler } from "./crawlers.ts";
import type { Exchange } from "./exchange.ts";
import type { RequestOptions } from "./options.ts";

/**
 * Why a request is left out; the keys of `stats().leftOut`. `uncounted`: the `identity` option said `false`. `rendering`: a component was rendered
 * for something else than a page load (Next's client-side navigations and refreshes), or for a visitor whom no cookie would have reached.
 */
export type LeftOut = "prefetch" | "bot" | "gpc" | "dnt" | "consent" | "uncounted" | "rendering";

/** The headers by which Next's client says that it only looks ahead, in the App Router and in the Pages Router. */
const ahead = ["next-router-prefetch", "next-router-segment-prefetch", "x-middleware-prefetch"];

/** The headers by which browsers say what a request is for. */
const purposes = ["sec-purpose", "purpose", "x-moz"];

/** What is asked of a request to tell its kind. */
type Asked = Pick<Exchange, "method" | "header">;

/** Whether a person looks at a document: a navigation, or without Fetch Metadata a GET that asks for `text/html`. Only then may a cookie be minted unasked. */
export function isPageLoad(exchange: Asked): boolean {
  const mode = exchange.header("sec-fetch-mode");
  const dest = exchange.header("sec-fetch-dest");
  if (isForeignForm(exchange)) return false;
  if (mode !== undefined || dest !== undefined) return mode === "navigate" && dest === "document";
  return exchange.method === "GET" && (exchange.header("accept") ?? "").includes("text/html");
}

/** A form that another site posts here (SAML, 3-D Secure): browsers hold Lax cookies back, so that a visitor seems new who is not. */
export function isForeignForm(exchange: Asked): boolean {
  return exchange.method !== "GET" && exchange.method !== "HEAD" && exchange.header("sec-fetch-site") === "cross-site";
}

/** Whether nobody has looked at the page yet. `Sec-Purpose: prefetch;prerender` never comes back as a request: the browser script counts those. */
export function isPrefetch(exchange: Exchange): boolean {
  for (const name of purposes) if (exchange.header(name)?.toLowerCase().includes("prefetch") === true) return true;
  for (const name of ahead) if (exchange.header(name) !== undefined) return true;
  return false;
}

/** The visitor's own wish, or their program's word, that keeps an anonymous visitor out. A named visitor is never asked. */
export function anonymousLeftOut(exchange: Exchange, options: RequestOptions<never>, known: boolean, bots: boolean): LeftOut | undefined {
  if (options.gpc !== false && exchange.header("sec-gpc") === "1") return "gpc";
  if (options.dnt === true && exchange.header("dnt") === "1") return "dnt";
  // A visitor who came back with a valid cookie is none, whatever the program calls itself.
  if (known || !bots) return undefined;
  const agent = exchange.header("user-agent") ?? "";
  return (options.bots ?? isCrawler)(agent) ? "bot" : undefined;
}
