import { type KissmetricsOptions, kissmetricsTransport as neutralTransport, type Transport } from "@kmkit/core";
import { httpCall } from "./post.ts";

/** As many as the transport makes calls at a time. */
const CONNECTIONS = 8;

/** On the global object, as the clients are: a second copy of this package or a hot reload must not make another transport for the same client. */
const registry = Symbol.for("kmkit.kissmetrics");
const transports: Map<string, Transport> = (globalThis as { [registry]?: Map<string, Transport> })[registry] ?? new Map();
(globalThis as { [registry]?: Map<string, Transport> })[registry] = transports;

/**
 * Carries commands to KISSmetrics, or to whatever else speaks its classic API, over `node:http`: the `kissmetricsTransport` of `@kmkit/core`, which
 * says how, by up to eight kept connections. For one key and url it gives the same transport again, so that clients made with it are the same, too.
 *
 * @example
 * app.use(km({ transport: kissmetricsTransport({ key: process.env.KISSMETRICS_KEY }) }));
 */
export function kissmetricsTransport(options: KissmetricsOptions): Transport {
  const name = JSON.stringify([options.key, options.url]);
  const transport = transports.get(name) ?? neutralTransport(options, httpCall(CONNECTIONS));
  transports.set(name, transport);
  return transport;
}
