import { type Client, clientOf as clientFor, type KmOptions, type RequestOptions } from "@kmkit/core";
import { createKm } from "./createkm.ts";

/** The client, by default a durable one, and the request options of what was handed to `km()`. */
export function clientOf<Native>(options: KmOptions<Native> | Client): { client: Client; options: RequestOptions<Native> } {
  return clientFor(options, createKm);
}
