import type { KmCode } from "./errors.ts";

/** One line of a batch that the receiver refused for good, by its place in the batch. */
export interface Refusal {
  readonly index: number;
  readonly code: string;
  readonly message?: string;
}

/** What became of a batch: the receiver has it (except the refused lines), or it must wait, be halved, or be set aside. */
export type Verdict =
  | { readonly type: "accepted"; readonly refused?: readonly Refusal[] }
  /** `after`: ms to wait, where the receiver said so; otherwise the outbox chooses. `code`: why, for the report. */
  | { readonly type: "retry"; readonly after?: number; readonly code: KmCode; readonly detail?: string }
  | { readonly type: "split" }
  | { readonly type: "reject"; readonly detail: string };

/** The longest that a receiver's `Retry-After` is obeyed, in ms: a bad proxy must not be able to stop delivery. */
export const MAX_RETRY_AFTER = 300_000;
/** How often a receiver that does not know our key, or an address that is no collector, is asked again, in ms. */
const ASK_AGAIN = 30_000;

/**
 * Maps an HTTP answer to a verdict (`architecture.md` §7): 2xx accepted; 408, 425, 429 and 5xx retry, `Retry-After` first; 413 split in halves;
 * an answer that speaks of a wrong key or address (401, 403, 404, 405, 421, redirections) keeps everything and complains; other 4xx reject.
 *
 * @example
 * verdict(429, "2", Date.now()); // { type: "retry", after: 2000, code: "KM_COLLECTOR_BUSY", detail: "status 429" }
 */
export function verdict(status: number, retryAfter: string | undefined, now: number): Verdict {
  const detail = `status ${status}`;
  if (status >= 200 && status < 300) return { type: "accepted" };
  if (status === 413) return { type: "split" };
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const after = waitOf(retryAfter, now);
    return { type: "retry", code: "KM_COLLECTOR_BUSY", detail, ...(after === undefined ? {} : { after }) };
  }
  if (status === 401 || status === 403) return { type: "retry", after: ASK_AGAIN, code: "KM_KEY_REFUSED", detail };
  if (status < 400 || [404, 405, 407, 421].includes(status)) {
    return { type: "retry", after: ASK_AGAIN, code: "KM_COLLECTOR_UNREACHABLE", detail: `${detail}: is the url that of a collector?` };
  }
  return { type: "reject", detail };
}

/** `Retry-After` in ms: seconds or an HTTP date (RFC 9110 §10.2.3), clamped; nonsense counts as absent. */
function waitOf(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const wait = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), MAX_RETRY_AFTER);
}

/** The longest pause between two tries, in ms: a receiver that is back is found within it. */
const MAX_BACKOFF = 10_000;

/** How long to wait after so many failures, in ms. Full jitter, so that a thousand clients do not come back in step; the receiver's own word goes first. */
export function backoff(failures: number): number {
  return Math.random() * Math.min(MAX_BACKOFF, 250 * 2 ** failures);
}
