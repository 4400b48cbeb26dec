import { type Client, type ClientOptions, clientLimits, createKm as createClient, KmError, MEMORY_BYTES, memoryStorage } from "@kmkit/core";
import { publisher } from "./channels.ts";
import { withDefaults } from "./defaults.ts";
import { drainAtEnd } from "./drain.ts";
import { fileStorage } from "./outbox/filestorage.ts";
import { httpPost, threadGzip } from "./post.ts";

interface Shared {
  readonly client: Client;
  readonly same: readonly unknown[];
}

/** Kept on the global object, so that two copies of this package or a hot reload do not open a second outbox. */
const registry = Symbol.for("kmkit.clients");
const clients: Map<string, Shared> = (globalThis as { [registry]?: Map<string, Shared> })[registry] ?? new Map();
(globalThis as { [registry]?: Map<string, Shared> })[registry] = clients;

/**
 * Makes the client of this process: commands wait in a durable outbox and are sent to the collector. Called again with the same url, key and
 * outbox it gives the same client. Throws `KM_OUTBOX_SHARED` when two products would share one directory: their commands would be mixed.
 *
 * Defaults: `url` `KMKIT_URL` or `http://127.0.0.1:8787`; `key` `KMKIT_KEY` or `local`; `outbox` `KMKIT_OUTBOX` or `.kmkit/outbox`.
 *
 * @example
 * const client = createKm();
 * client.as("bob@bob.com").record("Invoice Paid", { Amount: 99.95 });
 * await client.close(); // { sent: 1, kept: 0, dropped: 0 }
 */
export function createKm(options: ClientOptions = {}): Client {
  const { url, key, directory, development } = withDefaults(options);
  const same = [url, key, options.transport, options.fetch];
  const place = directory === false ? `memory ${url} ${key}` : directory;
  const shared = clients.get(place);
  if (shared !== undefined) {
    if (same.every((part, index) => part === shared.same[index])) return shared.client;
    if (directory !== false) throw new KmError("KM_OUTBOX_SHARED", directory);
  }
  const client = createClient(
    { ...options, url, key },
    {
      storage: (reporter) => {
        const storage = directory === false ? memoryStorage() : fileStorage(directory, reporter, { ...clientLimits, spare: MEMORY_BYTES });
        const close = storage.close.bind(storage);
        storage.close = () => {
          if (clients.get(place)?.client === client) clients.delete(place);
          return close();
        };
        return storage;
      },
      post: httpPost(),
      gzip: threadGzip,
      observe: publisher(directory),
      development,
      print: (text) => process.stderr.write(`${text}\n`),
    },
  );
  clients.set(place, { client, same });
  drainAtEnd(() => [...clients.values()].map((one) => one.client));
  return client;
}
