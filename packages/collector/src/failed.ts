import type { KmError } from "@kmkit/core";
import type { Context } from "hono";

/** Statuses by which the collector refuses something. */
type Status = 400 | 401 | 403 | 404 | 413 | 421 | 500 | 503;

/** An answer that says what was wrong. */
export type Failed = Response;

/** Answers with an error: its code, which is stable, and what happened. */
export function failed(context: Context, status: Status, error: KmError, headers: Record<string, string> = {}): Failed {
  return context.json({ code: error.code, message: error.message }, status, headers);
}
