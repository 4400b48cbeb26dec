import type { WebHints } from "@kmkit/core";
import { after, type NextRequest } from "next/server.js";

/** How a {@link NextWebExchange} hears of its end. */
export interface End {
  readonly hints: WebHints;
  /** The handler has thrown an error: on the edge Next then forgets what `after()` was asked for. */
  fail(): void;
}

/** Whether Next has called, and not a test of the app's. */
export function isInNext(): boolean {
  try {
    after(() => {});
    return true;
  } catch {
    return false;
  }
}

/**
 * Tells an exchange when its answer is over, by Next's `after()`: it calls back when the response is closed, and the platform goes on until `safe`
 * settles. That the client has left the request's signal says: on the edge `after()` calls back later then, or never. Outside of Next (a test that calls
 * a handler itself) there is no `after()`, and the body is watched instead.
 */
export function ends(request: Pick<NextRequest, "signal">, safe: () => Promise<void>): End {
  let over: () => void = () => {};
  let failed = false;
  try {
    after(async () => {
      over();
      await safe();
    });
  } catch {
    return { hints: {}, fail: () => {} };
  }
  return {
    hints: {
      beneath: {
        headersSent: false,
        get writableFinished() {
          return !failed && request.signal.aborted !== true;
        },
        getHeader: () => undefined,
        once: (_, work) => {
          over = work;
          request.signal.addEventListener("abort", work, { once: true });
        },
      },
    },
    fail: () => {
      failed = true;
      over();
      after(safe());
    },
  };
}
