import type { Km } from "@kmkit/core";
import type { NextRequest } from "next/server.js";
import { openEarly } from "./client.ts";
import type { KmHandler } from "./edge/handler.ts";
import type { AppProxy, KmProxy } from "./edge/kmproxy.ts";
import type { NextOptions } from "./edge/options.ts";
import { withKm } from "./handler.ts";
import { kmProxy } from "./kmproxy.ts";
import { withKmApi, withKmPage } from "./pages.ts";
import { km } from "./server.ts";

export { type Client, type Km, type KmClient, KmError, type Recorder, recorder } from "@kmkit/core";
export { createKm, type KissmetricsOptions, kissmetricsTransport } from "@kmkit/node";
export type { KmHandler, KmRequest } from "./edge/handler.ts";
export type { AppProxy, KmProxy } from "./edge/kmproxy.ts";
export type { NextNative, NextOptions } from "./edge/options.ts";
export { withKm } from "./handler.ts";
export { kmProxy } from "./kmproxy.ts";
export { type WithKm, withKmApi, withKmPage } from "./pages.ts";
export { km } from "./server.ts";

/** Everything in this package with one set of options; see {@link createNextKm}. */
export interface NextKm {
  km(): Promise<Km>;
  withKm<Context>(handler: KmHandler<Context>): (request: NextRequest, context: Context) => Promise<Response>;
  kmProxy(app?: AppProxy): KmProxy;
  withKmApi(handler: Parameters<typeof withKmApi>[0]): ReturnType<typeof withKmApi>;
  withKmPage: typeof withKmPage;
}

/**
 * Binds everything to one set of options, so that proxy, pages, actions and handlers say the same of who is logged in.
 *
 * @example
 * // lib/km.ts
 * export const { km, withKm, kmProxy } = createNextKm({ identity: async () => (await auth())?.user?.id ?? null });
 */
export function createNextKm(options: NextOptions = {}): NextKm {
  openEarly(options);
  return {
    km: () => km(options),
    withKm: (handler) => withKm(handler, options),
    kmProxy: (app) => (app === undefined ? kmProxy(options) : kmProxy(app, options)),
    withKmApi: (handler) => withKmApi(handler, options),
    withKmPage: (get, own) => withKmPage(get, { ...options, ...own }),
  };
}
