import { type Client, createKm, type Km } from "@kmkit/core";
import { cookies, headers } from "next/headers.js";
import type { NextRequest } from "next/server.js";
import { living } from "./cookies.ts";
import { handleWeb, type KmHandler } from "./handler.ts";
import { type AppProxy, type KmProxy, proxyWeb } from "./kmproxy.ts";
import { isForEverybody, nobody } from "./nobody.ts";
import type { NextOptions } from "./options.ts";
import { isRendering } from "./rendering.ts";
import { openWeb } from "./server.ts";

export {
  type Client,
  createKm,
  type KissmetricsOptions,
  type Km,
  type KmClient,
  KmError,
  kissmetricsTransport,
  type Recorder,
  recorder,
} from "@kmkit/core";
export type { KmHandler, KmRequest } from "./handler.ts";
export type { AppProxy, KmProxy } from "./kmproxy.ts";
export type { NextNative, NextOptions } from "./options.ts";

/**
 * Wraps a route handler of the Edge runtime (`export const runtime = "edge"`), so that `request.km` is there. Commands wait in memory; Next's
 * `after()` is asked to wait until the collector has them, or for ten seconds.
 *
 * @example
 * export const runtime = "edge";
 * export const POST = withKm(async (request) => {
 *   request.km.record("Bought", { Product: "Pebble" });
 *   return Response.json({ ok: true });
 * }, { url: process.env.KMKIT_URL, key: process.env.KMKIT_KEY });
 */
export function withKm<Context>(
  handler: KmHandler<Context>,
  options: NextOptions = {},
): (request: NextRequest, context: Context) => Promise<Response> {
  const client = clientOf(options);
  return (request, context) => handleWeb(request, context, handler, options, client);
}

/**
 * A `middleware.ts` of the Edge runtime: puts our cookies on page loads, so that components, which cannot set cookies, know their visitor from the
 * first page on. A name's alias is sent when the browser has brought its claim back.
 *
 * @example
 * export const middleware = kmProxy({ key: process.env.KMKIT_KEY });
 */
export function kmProxy(app: AppProxy | NextOptions = {}, options: NextOptions = {}): KmProxy {
  const [own, rest] = typeof app === "function" ? [app, options] : [undefined, app];
  const client = clientOf(rest);
  return (request, event) => proxyWeb(request, event, own, rest, client);
}

/**
 * The visitor of a server component or an action on the Edge runtime: it knows our cookies and the `identity` option. It cannot write cookies there;
 * `kmProxy` and `withKm` do.
 *
 * @example
 * const visitor = await km();
 * visitor.record("Viewed Product");
 */
export async function km(options: NextOptions = {}): Promise<Km> {
  const rendering = isRendering();
  const native = { headers: await headers(), cookies: living(await cookies()) };
  return isForEverybody(native.headers) ? nobody : openWeb(native, options, clientOf(options), rendering);
}

/** Clients by url and key: the modules of an app are evaluated once a bundle, and share the global object. */
const registry = Symbol.for("kmkit.next.edge");

function clientOf(options: NextOptions): () => Client {
  return () => {
    if (options.client !== undefined) return options.client;
    const place = globalThis as { [registry]?: Map<string, Client> };
    place[registry] ??= new Map();
    const name = JSON.stringify([options.url, options.key]);
    const client = place[registry].get(name) ?? createKm(options);
    place[registry].set(name, client);
    return client;
  };
}
