import type { Exchange } from "./exchange.ts";

/**
 * What a shared cache may do with an answer (RFC 9111): `fresh`: hand it to others without asking; `stored`: keep it and ask first, so that a 304
 * would replay its headers; `private`: neither.
 */
export type Sharing = "fresh" | "stored" | "private";

/** Headers by which caches in front of us are told to do otherwise than `Cache-Control` says (RFC 9213 and the vendors' own). */
const targeted = [
  ...["cdn-cache-control", "surrogate-control", "cloudflare-cdn-cache-control", "vercel-cdn-cache-control", "netlify-cdn-cache-control"],
  "edge-control",
];

/**
 * Judges an answer at the moment its headers are written. One cached `Set-Cookie` would make a thousand visitors one person, so in doubt the
 * answer counts as shared. Only answers to GET and HEAD are kept by shared caches.
 */
export function sharing(exchange: Exchange, now: number = Date.now()): Sharing {
  if (exchange.method !== "GET" && exchange.method !== "HEAD") return "private";
  for (const name of targeted) {
    const value = exchange.answered(name);
    if (value !== undefined && lifetime(directives(value)) > 0) return "fresh";
  }
  // nginx's own: seconds, or `@` and a time; only 0 and `off` keep it from storing.
  if (!/^(0|off)?$/.test(exchange.answered("x-accel-expires")?.trim() ?? "")) return "fresh";
  const value = exchange.answered("cache-control");
  const told = directives(value ?? "");
  if (told.has("no-store") || told.get("private") === "") return "private";
  const life = lifetime(told);
  if (life > 0 || told.has("immutable")) return "fresh";
  if (Number.isNaN(life) && Date.parse(exchange.answered("expires") ?? "") > now) return "fresh";
  return "stored";
}

/** The `Cache-Control` that keeps shared caches from storing an answer that is only `stored`: `public` goes, `private` comes, the rest stays. */
export function privately(cacheControl: string | undefined): string {
  if (cacheControl === undefined) return "private";
  const rest = cacheControl
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "" && !/^(public|private)\b/i.test(part));
  return ["private", ...rest].join(", ");
}

/** The directives of a cache header by lower-case name; `""` for one without a value. Of one given twice the larger counts: in doubt it is shared. */
function directives(value: string): Map<string, string> {
  const out = new Map<string, string>();
  for (const part of value.split(",")) {
    const [name = "", ...rest] = part.trim().toLowerCase().split("=");
    const argument = rest.join("=").replaceAll('"', "").trim();
    if (name !== "" && !(Number(out.get(name.trim())) >= Number(argument))) out.set(name.trim(), argument);
  }
  return out;
}

/** Seconds that a shared cache may use the answer; NaN where nothing is said. What is no number counts as long: in doubt it is shared. */
function lifetime(told: Map<string, string>): number {
  const seconds = told.get("s-maxage") ?? told.get("cache-maxage") ?? told.get("max-age");
  if (seconds === undefined) return Number.NaN;
  if (told.has("no-store") || told.get("private") === "") return 0;
  const number = Number(seconds);
  return seconds === "" || Number.isNaN(number) ? Number.POSITIVE_INFINITY : number;
}
