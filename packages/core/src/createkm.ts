import { Client } from "./client.ts";
import { createOutbox } from "./delivery.ts";
import type { ClientOptions } from "./options.ts";
import { clientLimits, type Observe } from "./outbox.ts";
import { createReporter, type Reporter } from "./report.ts";
import { memoryStorage, type OutboxStorage } from "./storage.ts";
import { fetchPost, type Gzip, httpTransport, type Post, streamGzip } from "./transport.ts";

/** What a platform brings along. Without it a client keeps commands in memory and sends them by `fetch`. */
export interface Runtime {
  /** Opens the outbox's storage; it may report. */
  readonly storage?: (reporter: Reporter) => OutboxStorage;
  readonly post?: Post;
  readonly gzip?: Gzip;
  /** Is told of each batch that was taken, each try that failed, and what was refused. It must not throw. */
  readonly observe?: Observe;
  /** Print every code once, and hints. */
  readonly development?: boolean;
  /** Where to print; default `console.warn`. */
  readonly print?: (text: string) => void;
}

/** Most bytes that wait in memory by default. */
export const MEMORY_BYTES: number = 32 << 20;

/**
 * Makes a client on any runtime. On Node take `createKm` of `@kmkit/node`: there the outbox is durable.
 *
 * @example
 * const client = createKm({ url: "https://km.shop.example", key: process.env.KMKIT_KEY });
 */
export function createKm(options: ClientOptions = {}, runtime: Runtime = {}): Client {
  const { url = "http://127.0.0.1:8787", key = "local" } = options;
  // biome-ignore lint/suspicious/noConsole: the one place where a neutral runtime can print
  const print = runtime.print ?? ((text) => console.warn(text));
  const reporter = createReporter({ onError: options.onError, development: runtime.development ?? false, print });
  const storage = runtime.storage?.(reporter) ?? memoryStorage();
  const post = options.fetch !== undefined ? fetchPost(options.fetch) : (runtime.post ?? fetchPost(fetch));
  const transport = options.transport ?? httpTransport({ url, key, post, gzip: runtime.gzip ?? streamGzip });
  const maxBytes = options.maxBytes ?? (storage.durable ? clientLimits.maxBytes : MEMORY_BYTES);
  // In memory nothing is gained, and some platforms end timers with the request in which they were set.
  const gather = storage.durable ? clientLimits.gather : 0;
  const outbox = createOutbox(storage, transport, { ...clientLimits, maxBytes, gather }, reporter.report, runtime.observe);
  return new Client(outbox, reporter, key);
}
