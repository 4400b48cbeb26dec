import { KmError } from "@kmkit/core";

/** A header of a request, by its lower-case name. */
export type Header = (name: string) => string | undefined;

/** Why a collector without keys does not answer a request: it comes from somewhere else than this machine's own programs and pages. */
export function refusal(header: Header): KmError | undefined {
  if (!isLocal(header("host"))) return new KmError("KM_HOST_REFUSED");
  return isForeign(header) ? new KmError("KM_ORIGIN_REFUSED") : undefined;
}

/** Whether a `Host` header names this machine: a page that rebinds its own name to 127.0.0.1 sends that name (DNS rebinding). */
function isLocal(host: string | undefined): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(host ?? "");
}

/** Whether a page of another site sends this: the key of a collector without keys is no secret, so that any page could write. */
function isForeign(header: Header): boolean {
  const site = header("sec-fetch-site");
  if (site !== undefined) return site === "cross-site";
  const origin = header("origin");
  return origin !== undefined && !(URL.canParse(origin) && isLocal(new URL(origin).host));
}
