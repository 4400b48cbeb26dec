import type { WebHints } from "@kmkit/core";
import { after, type NextRequest } from "next/server.js";

/**
 * Tells a {@link WebExchange} when its answer is over, by Next's `after()`: it calls back when the response is closed, also when the client has left,
 * which the request's signal then says; and the platform goes on until `safe` settles. Outside of Next (a test that calls a handler itself) there is
 * no `after()`, and the body is watched instead.
 */
export function ends(request: Pick<NextRequest, "signal">, safe: () => Promise<void>): WebHints {
  try {
    let over: () => void = () => {};
    after(async () => {
      over();
      await safe();
    });
    return {
      beneath: {
        headersSent: false,
        get writableFinished() {
          return request.signal.aborted !== true;
        },
        getHeader: () => undefined,
        once: (_, work) => {
          over = work;
        },
      },
    };
  } catch {
    return {};
  }
}
