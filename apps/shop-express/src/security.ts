import type { RequestHandler } from "express";
import { noticePage } from "./pages/notice.ts";

const POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** Headers that keep a page from running, framing or leaking anything, and keep what one visitor sees out of shared caches. */
export const securityHeaders: RequestHandler = (_req, res, next) => {
  res.set({
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
  });
  next();
};

/**
 * Refuses a form that another site made the browser send. Browsers say where a POST comes from; a client that says nothing is no browser,
 * and carries nobody's cookies.
 */
export const sameOrigin: RequestHandler = (req, res, next) => {
  if (req.method === "GET" || req.method === "HEAD") return next();
  const site = req.get("sec-fetch-site");
  const origin = req.get("origin");
  const ours = site === undefined ? origin === undefined || hostOf(origin) === req.get("host") : site === "same-origin" || site === "none";
  if (ours) return next();
  res.status(403).send(noticePage(req, "That came from elsewhere", "The form was sent from another site, so nothing was done."));
};

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
