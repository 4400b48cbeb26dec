import type { Client, ClientOptions, RequestOptions } from "@kmkit/core";
import { createKm } from "./createkm.ts";

/** Options of a middleware on Node: those of the request, and either `client` or those of the client it makes. */
export interface KmOptions<Native> extends ClientOptions, RequestOptions<Native> {
  /** A client to share, instead of the client's own options; `km(client)` is short for it. */
  client?: Client;
}

/** The client and the request options of what was handed to `km()`. */
export function clientOf<Native>(options: KmOptions<Native> | Client): { client: Client; options: RequestOptions<Native> } {
  // Not by instanceof: the client may come from another copy of the package.
  if ("as" in options) return { client: options, options: {} };
  return { client: options.client ?? createKm(options), options };
}
