import { mkdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import {
  createOutbox,
  createReporter,
  KmError,
  type Outbox,
  type OutboxLimits,
  type Report,
  type Reporter,
  type Transport,
} from "@kmkit/core";
import { fileStorage } from "@kmkit/node";
import { createApp } from "./app.ts";
import { createDoor } from "./door.ts";
import { allowHalfOpen, endWithReader } from "./halfopen.ts";
import { keyFileOf } from "./keyfile.ts";
import { type Admin, createAccess, type Key } from "./keys.ts";
import { KeyWatch } from "./keywatch.ts";
import { createLive } from "./live.ts";
import { answerPixels } from "./pixel.ts";
import { answerRawUrls } from "./rawurl.ts";
import { NameRegister } from "./register.ts";
import { openChdb } from "./store/chdb.ts";
import { type Engine, isBadRow } from "./store/engine.ts";
import { openStore, type Store } from "./store/store.ts";

/** Options of a collector. */
export interface CollectorOptions {
  /** Where data is kept; one collector a directory. */
  directory: string;
  /** Keys by which commands come in, beside those that `kmkit keys` keeps in the directory. Without any: product and key `local`, only on this machine. */
  keys?: readonly Key[];
  /** The token that reading needs once there are keys, or where it is found then: the first key may come at any time. */
  admin?: Admin;
  /** Is handed every error. Default: each code is printed once. */
  onError?: Report;
}

/** A running collector. */
export interface Collector {
  /** Whether it is open to this machine: it has no keys, neither given nor in its directory. Ends for good with the first one. */
  readonly open: boolean;
  /** The collector without a socket. */
  fetch(request: Request): Promise<Response>;
  /** Listen; port 0 picks one. Throws `KM_PORT_TAKEN`, `KM_PORT_REFUSED`, and `KM_OPEN_ADDRESS` on other than loopback addresses without keys and admin token. */
  listen(address: { port: number; host: string }): Promise<{ port: number; host: string }>;
  /** Stop listening, store what waits, and let go of the directory. What could not be stored waits on disk for the next start. */
  close(): Promise<void>;
}

/** Blocks of up to 10,000 rows, 4 MB or 500 ms; at once after a quiet time, and before a person is read. */
export const limits: OutboxLimits = {
  maxBytes: 2 ** 30,
  batchCommands: 10_000,
  batchBytes: 4 << 20,
  gather: 0,
  whole: true,
  linger: 500,
  eager: true,
  timeout: 300_000,
};
/**
 * Most bytes of a request's URL and headers. A value of 8,192 characters may be 24 KB in a URL, and 72 KB in a script of three bytes a character; so one
 * such value has room, and more than any client puts there (from 2 KB on they send a POST). Every connection may hold as much for as long
 * as a request may take to arrive: five hundred of them 64 MB.
 */
const MAX_HEADER = 128 << 10;
/** How long a request may take to arrive, in ms. */
const REQUEST_TIMEOUT = 30_000;
/** How often the people are checked against their edges, in ms. */
const SWEEP = 600_000;
/** How long a close may take to store what waits, in ms. */
const CLOSING = 10_000;

/**
 * Opens the store and makes a collector on it. Inside it is the same pair as a client: commands are acknowledged when its outbox has them on
 * disk, and that outbox's transport writes blocks to the store. Throws `KM_STORE_MISSING`, `KM_STORE_LOCKED`, `KM_STORE_BROKEN`, `KM_KEYS_BROKEN`.
 *
 * @example
 * const collector = await createCollector({ directory: ".kmkit/data" });
 * const { port } = await collector.listen({ port: 0, host: "127.0.0.1" });
 */
export function createCollector(options: CollectorOptions): Promise<Collector> {
  return collectorOn(options, { open: openChdb, limits });
}

/** What a collector is made of beside its options; tests and measurements put others in. */
interface Materials {
  /** Opens the engine of the store on a directory. */
  readonly open: (directory: string) => Promise<Engine>;
  readonly limits: OutboxLimits;
}

/** {@link createCollector} with an engine and limits of one's own. */
export async function collectorOn(options: CollectorOptions, materials: Materials): Promise<Collector> {
  const access = createAccess(options.keys ?? [], options.admin);
  const print = (text: string) => process.stderr.write(`${text}\n`);
  const reporter = createReporter({ onError: options.onError, development: false, print });
  const watch = new KeyWatch(keyFileOf(options.directory), access, reporter.report);
  const { store, outbox } = await openDirectory(options.directory, materials, reporter);
  const live = createLive(store, outbox, reporter.report);
  const door = createDoor(outbox, new NameRegister(await store.names()), live);
  let closing = false;
  const hindrance = (): KmError | undefined => {
    if (closing) return new KmError("KM_COLLECTOR_CLOSING");
    return outbox.durable ? door.hindrance : new KmError("KM_OUTBOX_MEMORY");
  };
  const app = createApp({ access, door, live, outbox, store, report: reporter.report, hindrance });
  const sweep = () => store.relink().catch((cause) => reporter.report(new KmError("KM_INTERNAL", "relink", cause)));
  await sweep();
  const sweeping = setInterval(sweep, SWEEP);
  sweeping.unref();
  watch.start(() => live.dismiss());
  let server: Server | undefined;
  return {
    get open() {
      return access.open;
    },
    fetch: async (request) => app.fetch(request),
    listen: async ({ port, host }) => {
      if (!isLoopback(host) && (access.open || !options.admin)) throw new KmError("KM_OPEN_ADDRESS", host);
      const listener = answerPixels(endWithReader(getRequestListener(app.fetch, { hostname: host })), access, door, reporter.report);
      const opened = createServer({ maxHeaderSize: MAX_HEADER, requireHostHeader: false }, listener);
      server = opened;
      allowHalfOpen(opened);
      // Node would answer 417 where something else than `100-continue` is expected, which no server needs to (RFC 9110 §10.1.1).
      opened.on("checkExpectation", listener);
      // Node's default gives a slow sender five minutes.
      opened.requestTimeout = REQUEST_TIMEOUT;
      answerRawUrls(
        opened,
        (request) => app.fetch(request),
        () => door.refuse("KM_REQUEST_INVALID"),
      );
      return new Promise((resolve, reject) => {
        opened.on("error", (error: NodeJS.ErrnoException) => {
          const code = error.code === "EADDRINUSE" ? "KM_PORT_TAKEN" : error.code === "EACCES" ? "KM_PORT_REFUSED" : undefined;
          reject(code === undefined ? error : new KmError(code, `${host}:${port}`, error));
        });
        opened.listen(port, host, () => resolve({ port: (opened.address() as AddressInfo).port, host }));
      });
    },
    close: async () => {
      closing = true;
      clearInterval(sweeping);
      watch.stop();
      live.close();
      await stop(server);
      await outbox.close(CLOSING);
      await store.close();
    },
  };
}

/** Store and outbox of a data directory, which is let go of again if one of them cannot be opened. */
async function openDirectory(directory: string, materials: Materials, reporter: Reporter): Promise<{ store: Store; outbox: Outbox }> {
  // The store first: its lock tells whether another collector is at work here.
  const engine = await materials.open(join(directory, "store"));
  try {
    const store = await openStore(engine);
    const place = join(directory, "outbox");
    const storage = fileStorage(place, reporter, { ...materials.limits, spare: 0 });
    const outbox = createOutbox(storage, storeTransport(store), materials.limits, reporter.report);
    // The first reading must already show what an earlier process acknowledged but had not stored yet.
    await mkdir(place, { recursive: true, mode: 0o700 }).catch(() => {});
    await storage.ready();
    // In memory it would acknowledge what it cannot keep.
    if (!storage.durable) throw new KmError("KM_STORE_BROKEN", `${place} cannot be written`);
    return { store, outbox };
  } catch (cause) {
    await engine.close();
    throw cause;
  }
}

/** Writes blocks to the store. A row that the store refuses for its content is found by halving and set aside; all else is tried again. */
function storeTransport(store: Store): Transport {
  return async (batch) => {
    try {
      await store.write(batch.lines);
      return { type: "accepted" };
    } catch (cause) {
      if (!isBadRow(cause))
        return { type: "retry", code: "KM_COLLECTOR_BUSY", detail: `store: ${cause instanceof Error ? cause.message : cause}` };
      return batch.length > 1 ? { type: "split" } : { type: "reject", detail: String(cause) };
    }
  };
}

/** Stops taking connections and waits for the requests that are under way. */
async function stop(server: Server | undefined): Promise<void> {
  if (server === undefined) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Again and again: a connection becomes idle when its last answer is out.
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  const cut = setTimeout(() => server.closeAllConnections(), 2000);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
