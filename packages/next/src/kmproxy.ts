import { isPageLoad } from "@kmkit/core";
import { type NextRequest, NextResponse } from "next/server.js";
import { type Beneath, beneath } from "./beneath.ts";
import { clientOf, openEarly } from "./client.ts";
import { changed } from "./edge/cookies.ts";
import { hang } from "./edge/handler.ts";
import { type AppProxy, cookieOf, forward, type KmProxy, proxyWeb } from "./edge/kmproxy.ts";
import type { NextOptions } from "./edge/options.ts";
import { hold } from "./hold.ts";
import { type Visit, visitOf } from "./visit.ts";

/**
 * Makes a `proxy.ts` (in Next 15 a `middleware.ts` with `runtime: "nodejs"`): page loads get our cookies, also those of static pages, and all that comes
 * after it in the same request sees them. Wraps the app's own proxy, if there is one. An answer that sets a cookie is never shareable.
 *
 * @example
 * export const proxy = kmProxy();
 * export const proxy = kmProxy(auth((request) => undefined), options);
 */
export function kmProxy(app: AppProxy | NextOptions = {}, options: NextOptions = {}): KmProxy {
  const [own, rest] = typeof app === "function" ? [app, options] : [undefined, app];
  openEarly(rest);
  return async function proxy(request, event) {
    const under = beneath();
    if (under === undefined) return proxyWeb(request, event, own, rest, () => clientOf(rest));
    return handle(
      under,
      request,
      (given) => own?.(...([given, event] as unknown as Parameters<AppProxy>)),
      rest,
      (work) => event.waitUntil(work),
    );
  };
}

async function handle(
  under: Beneath,
  request: NextRequest,
  app: (request: NextRequest) => ReturnType<AppProxy>,
  options: NextOptions,
  waitUntil: (work: Promise<void>) => void,
): Promise<Response> {
  let visit: Visit | undefined;
  const open = () => {
    visit ??= visitOf(under, options, request);
    return visit;
  };
  hang(request, () => open().km);
  const client = () => clientOf(options);
  if (isPageLoad({ method: request.method, header: (name) => request.headers.get(name) ?? undefined })) {
    open().exchange.proxied = true;
    await open().session.ask(options, request, client);
  }
  const response = (await app(request)) ?? NextResponse.next();
  if (visit === undefined) return response;
  const { exchange, km, session } = visit as Visit;
  await session.askAgain(client, () => changed(request, response));
  hold(client(), exchange, waitUntil);
  return forward(request, response, km.forwarded(cookieOf(request, response)));
}
