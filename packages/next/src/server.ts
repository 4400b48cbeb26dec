import type { Km } from "@kmkit/core";
import { cookies, headers } from "next/headers.js";
import { beneath } from "./beneath.ts";
import { clientOf } from "./client.ts";
import { living } from "./edge/cookies.ts";
import { isForEverybody, nobody } from "./edge/nobody.ts";
import type { NextOptions } from "./edge/options.ts";
import { isRendering, RenderingKm } from "./edge/rendering.ts";
import { openWeb } from "./edge/server.ts";
import type { NextExchange } from "./exchange.ts";
import { hold } from "./hold.ts";
import { visitOf } from "./visit.ts";

/**
 * The visitor of a server component, a server action or a route handler: whoever awaits it in one request gets the same one. It makes the page dynamic,
 * as `headers()` does, and what it throws outside of a request is Next's own error.
 *
 * What components record counts on page loads, and once however often they are rendered: see `navigation` in {@link NextOptions}.
 *
 * @example
 * export default async function Product() {
 *   const visitor = await km();
 *   visitor.record("Viewed Product", { Name: "Pebble" });
 *   return <h1>Pebble</h1>;
 * }
 */
export async function km(options: NextOptions = {}): Promise<Km> {
  const rendering = isRendering();
  // First of all: here Next marks the page as dynamic, or ends the attempt to prerender it.
  const native = { headers: await headers(), cookies: living(await cookies()) };
  const client = () => clientOf(options);
  const under = beneath();
  if (isForEverybody(native.headers)) {
    // A build is no request: it opens no outbox.
    if (under !== undefined) client().leaveOut("rendering");
    return nobody;
  }
  if (under === undefined) return openWeb(native, options, client, rendering);
  const visit = visitOf(under, options, native);
  if (!visit.exchange.inner) hold(visit.client, visit.exchange);
  visit.exchange.inner = true;
  await visit.session.ask(options, native, client);
  return rendering ? new RenderingKm(visit, options.navigation === true || isPage(visit.exchange)) : visit.km;
}

/** Not rendered for a client-side navigation or a refresh, nor again after an action. */
function isPage(exchange: NextExchange): boolean {
  return exchange.sent("rsc") === undefined && exchange.sent("next-action") === undefined;
}
