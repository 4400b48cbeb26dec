import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { type Client, type OpenedKm, openRequest } from "@kmkit/core";
import type { Beneath } from "./beneath.ts";
import { clientOf } from "./client.ts";
import { type NextNative, type NextOptions, SessionAnswer } from "./edge/options.ts";
import { NextExchange } from "./exchange.ts";

/** One HTTP request on its way through proxy, page, action or handler: it has one visitor, one list of commands and one set of cookies. */
export interface Visit {
  readonly km: OpenedKm;
  readonly client: Client;
  readonly exchange: NextExchange;
  readonly session: SessionAnswer;
  /** What components have recorded in it; see `rendering.ts`. */
  readonly rendered: Set<string>;
}

/** On the global object: the layers are bundles of their own, each with a copy of this module. */
const registry = Symbol.for("kmkit.next.visits");
const place = globalThis as { [registry]?: WeakMap<ServerResponse, Visit> };
place[registry] ??= new WeakMap();
const visits: WeakMap<ServerResponse, Visit> = place[registry];

/** The visit of a request, opened by whichever layer asks first and with that layer's options. */
export function visitOf(beneath: Beneath, options: NextOptions, native: NextNative): Visit {
  let visit = visits.get(beneath.response);
  if (visit === undefined) {
    const client = clientOf(options);
    const exchange = new NextExchange(beneath);
    const session = new SessionAnswer(options);
    const km = openRequest(client, session.request, native, exchange);
    visit = { km, client, exchange, session, rendered: new Set() };
    visits.set(beneath.response, visit);
    if (exchange.sent("next-action") !== undefined) foretell(beneath.response, km);
  }
  return visit;
}

/**
 * After a `redirect()` in an action Next asks itself for the page, with the cookies that `getHeaders()` says the answer will set, and long before ours
 * are written: that page must know who the visitor is now. In the answer itself they are not set by this.
 */
function foretell(response: ServerResponse, km: OpenedKm): void {
  const getHeaders = response.getHeaders;
  response.getHeaders = (): OutgoingHttpHeaders => {
    const headers = getHeaders.call(response);
    const pair = response.headersSent ? undefined : km.forwarded(undefined);
    if (pair === undefined) return headers;
    return { ...headers, "set-cookie": [headers["set-cookie"] ?? []].flat().map(String).concat(pair.split("; ")) };
  };
}
