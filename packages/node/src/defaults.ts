import { resolve } from "node:path";
import type { ClientOptions } from "@kmkit/core";

/** The one place in the middleware that reads the environment: `KMKIT_URL`, `KMKIT_KEY`, `KMKIT_OUTBOX` and `NODE_ENV`. */
export function withDefaults(options: ClientOptions): { url: string; key: string; directory: string | false; development: boolean } {
  const { KMKIT_URL, KMKIT_KEY, KMKIT_OUTBOX, NODE_ENV } = process.env;
  const outbox = options.outbox ?? (KMKIT_OUTBOX || ".kmkit/outbox");
  return {
    url: options.url ?? (KMKIT_URL || "http://127.0.0.1:8787"),
    key: options.key ?? (KMKIT_KEY || "local"),
    // The comment keeps Turbopack from taking the whole project for files of the server.
    directory: outbox === false ? false : resolve(/* turbopackIgnore: true */ outbox),
    development: NODE_ENV === undefined || NODE_ENV === "development",
  };
}
