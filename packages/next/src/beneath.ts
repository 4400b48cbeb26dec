import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";

/** The request and the response of Node's own server, which lie beneath all layers of Next. */
export interface Beneath {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** On the global object: proxy, pages and route handlers are bundles of their own, each with a copy of this module, and hot reloads make more. */
const place = globalThis as { [registry]?: AsyncLocalStorage<Beneath>; [starts]?: (() => void)[] };
const registry = Symbol.for("kmkit.next.beneath");
const starts = Symbol.for("kmkit.next.starts");
place[starts] ??= [];
place[registry] ??= listen();

/**
 * What Next keeps from its layers: the response. With it one request has one visitor, however many layers it goes through; cookies are judged and
 * written at the last moment before the headers are, also for a component, which has no other way; and the end of the answer is known for certain.
 *
 * Node announces each request on a channel of `node:diagnostics_channel` (as tracing tools use it) before Next hears of it, and async context carries
 * it on. Undefined for requests that came before this module was loaded, on the Edge runtime, and where no server is: then each layer does
 * what it can by Next's own means (`./edge`).
 */
export function beneath(): Beneath | undefined {
  return place[registry]?.getStore();
}

/** Does this soon if the process serves a request, or else with its next one: a build evaluates an app's modules as well, and has none. */
export function whenServing(work: () => void): void {
  if (beneath() === undefined) place[starts]?.push(work);
  else setImmediate(work);
}

function listen(): AsyncLocalStorage<Beneath> {
  const storage = new AsyncLocalStorage<Beneath>();
  const waiting = place[starts] ?? [];
  subscribe("http.server.request.start", (message) => {
    for (const work of waiting.splice(0)) setImmediate(work);
    storage.enterWith(message as Beneath);
  });
  return storage;
}
