const POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** Headers that keep a page from running, framing or leaking anything, and keep what one visitor sees out of shared caches. */
export const pageHeaders: Readonly<Record<string, string>> = {
  "Content-Security-Policy": POLICY,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "same-origin",
  "Cache-Control": "private, no-cache",
};

/**
 * Whether a form comes from another site, which made the browser send it. Browsers say where a POST comes from; a client that says nothing is no
 * browser, and carries nobody's cookies.
 */
export function fromElsewhere(method: string, header: (name: "sec-fetch-site" | "origin" | "host") => string | undefined): boolean {
  if (method === "GET" || method === "HEAD") return false;
  const site = header("sec-fetch-site");
  const origin = header("origin");
  if (site === undefined) return origin !== undefined && hostOf(origin) !== header("host");
  return site !== "same-origin" && site !== "none";
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/**
 * The path to go on to after a log in, if it stays in this shop, otherwise the home page.
 *
 * @example
 * localPath("/checkout");             // "/checkout"
 * localPath("https://evil.example/"); // "/"
 */
export function localPath(path: unknown): string {
  if (typeof path !== "string" || !path.startsWith("/") || !URL.canParse(path, "http://shop")) return "/";
  const { origin, pathname, search } = new URL(path, "http://shop");
  // "//evil.example" and "/\evil.example" name another origin; "/.//evil.example" would after it has been tidied up.
  return origin === "http://shop" && !pathname.startsWith("//") ? pathname + search : "/";
}
