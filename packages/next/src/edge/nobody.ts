import type { Km } from "@kmkit/core";

/**
 * The visitor of what Next makes once for everybody (`dynamic = "force-static"`), at build time or in the midst of somebody's request. Whoever that
 * somebody is must not get into it.
 */
export const nobody: Km = Object.freeze({ identity: "", anonymous: true, record() {}, set() {}, identify() {}, alias() {} });

/** Whether Next withholds the request: then it gives no headers at all, and none can be changed, as in a test's own request they can. */
export function isForEverybody(headers: Pick<Headers, "keys"> & Partial<Pick<Headers, "delete">>): boolean {
  if (headers.keys().next().done !== true) return false;
  try {
    headers.delete?.("x-km");
    return headers.delete === undefined;
  } catch {
    return true;
  }
}
