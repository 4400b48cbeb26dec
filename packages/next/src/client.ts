import type { Client } from "@kmkit/core";
import { createKm } from "@kmkit/node";
import { whenServing } from "./beneath.ts";
import type { NextOptions } from "./edge/options.ts";

/**
 * Clients by url, key and outbox, on the global object. `createKm` knows the same client again by its functions too; here they are new ones in every
 * bundle and after every hot reload, since each evaluates the app's options anew: the first ones stay.
 */
const registry = Symbol.for("kmkit.next.clients");

/**
 * Opens the outbox with the first request of whatever kind, and not only when somebody does something: commands that an earlier process has left
 * there are sent at once.
 */
export function openEarly(options: NextOptions): void {
  whenServing(() => {
    try {
      clientOf(options);
    } catch {
      // Whoever uses these options is told.
    }
  });
}

/** The client of these options, made at the first request: a build evaluates the app's modules as well, and must open no outbox. */
export function clientOf(options: NextOptions): Client {
  if (options.client !== undefined) return options.client;
  const place = globalThis as { [registry]?: Map<string, Client> };
  place[registry] ??= new Map();
  const name = JSON.stringify([options.url, options.key, options.outbox]);
  const client = place[registry].get(name) ?? createKm(options);
  place[registry].set(name, client);
  return client;
}
