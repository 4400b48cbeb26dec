import type { NextRequest } from "next/server.js";
import { type Beneath, beneath } from "./beneath.ts";
import { clientOf, openEarly } from "./client.ts";
import { changed } from "./edge/cookies.ts";
import { handleWeb, hang, type KmHandler, type KmRequest, opensAtOnce } from "./edge/handler.ts";
import type { NextOptions } from "./edge/options.ts";
import { hold } from "./hold.ts";
import { type Visit, visitOf } from "./visit.ts";

/**
 * Wraps a route handler of the App Router (Next 15 and 16, Node runtime), so that `request.km` records what this request's visitor does. The commands
 * are on disk within milliseconds after the answer is over. A GET handler that never looks at `request.km` stays as static as it was.
 *
 * @example
 * export const POST = withKm(async (request) => {
 *   const { email } = await request.json();
 *   request.km.identify(email);
 *   request.km.record("Signed Up", { Plan: "Pro" });
 *   return Response.json({ ok: true });
 * });
 */
export function withKm<Context>(
  handler: KmHandler<Context>,
  options: NextOptions = {},
): (request: NextRequest, context: Context) => Promise<Response> {
  openEarly(options);
  return async function withKm(request, context) {
    const under = beneath();
    if (under === undefined) return handleWeb(request, context, handler, options, () => clientOf(options));
    return handle(under, request, context, handler, options);
  };
}

async function handle<Context>(
  under: Beneath,
  request: NextRequest,
  context: Context,
  handler: KmHandler<Context>,
  options: NextOptions,
): Promise<Response> {
  let visit: Visit | undefined;
  const open = () => {
    visit ??= visitOf(under, options, request);
    visit.exchange.inner = true;
    return visit;
  };
  if (!hang(request, () => open().km)) return handler(request as KmRequest, context);
  const client = () => clientOf(options);
  if (opensAtOnce(request, options)) await open().session.ask(options, request, client);
  let response: Response | undefined;
  try {
    response = await handler(request as KmRequest, context);
    return response;
  } finally {
    if (visit !== undefined) {
      await visit.session.askAgain(client, () => changed(request, response));
      hold(visit.client, visit.exchange);
    }
  }
}
