import type { ExecutionContext } from "hono";

declare global {
  /** What a fetch-only runtime dispatches. */
  interface FetchEvent extends ExecutionContext {
    readonly request: Request;
    respondWith(answer: Response | Promise<Response>): void;
  }
  function addEventListener(type: "fetch", work: (event: FetchEvent) => void): void;
}
