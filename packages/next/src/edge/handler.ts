import { type Client, type Km, type OpenedKm, openRequest } from "@kmkit/core";
import type { NextRequest } from "next/server.js";
import { changed, writeByApi } from "./cookies.ts";
import { type End, ends, isInNext } from "./end.ts";
import { NextWebExchange } from "./exchange.ts";
import { isForEverybody, nobody } from "./nobody.ts";
import { isControlFlow, type NextOptions, SessionAnswer } from "./options.ts";

/** The request of a wrapped route handler. */
export type KmRequest = NextRequest & { readonly km: Km };
/** A route handler that wants `request.km`. */
export type KmHandler<Context> = (request: KmRequest, context: Context) => Response | Promise<Response>;

/** Answers one request of a wrapped route handler where there is no Node response: on the edge, and in a test that calls the handler itself. */
export async function handleWeb<Context>(
  request: NextRequest,
  context: Context,
  handler: KmHandler<Context>,
  options: NextOptions,
  client: () => Client,
): Promise<Response> {
  const session = new SessionAnswer(options);
  let visit: WebVisit | undefined;
  const open = () => {
    if (isForEverybody(request.headers) && isInNext()) return nobody;
    visit ??= opened(request, session, client());
    return visit.km;
  };
  if (!hang(request, open)) return handler(request as KmRequest, context);
  if (opensAtOnce(request, options)) {
    open();
    await session.ask(options, request, client);
  }
  const again = (response?: Response) => session.askAgain(client, () => changed(request, response));
  let response: Response;
  try {
    response = await handler(request as KmRequest, context);
  } catch (thrown) {
    if (visit === undefined) throw thrown;
    await again();
    const { exchange, end } = visit as WebVisit;
    // Next makes the answer to a redirect() itself, and puts on it what was set by cookies().
    if (mayCarry(thrown, request.method)) await writeByApi(exchange.answer(new Response(null)).headers.getSetCookie());
    else exchange.fail();
    if (!isControlFlow(thrown)) end.fail();
    throw thrown;
  }
  if (visit === undefined) return response;
  await again(response);
  return (visit as WebVisit).exchange.answer(response);
}

interface WebVisit {
  readonly km: OpenedKm;
  readonly exchange: NextWebExchange;
  readonly end: End;
}

function opened(request: NextRequest, session: SessionAnswer, client: Client): WebVisit {
  const end = ends(request, () => client.safe());
  const exchange = new NextWebExchange(request, end.hints);
  return { km: openRequest(client, session.request, request, exchange), exchange, end };
}

/**
 * Puts `km` on a request; false where it is there already. It opens at the first look, since Next makes a route dynamic when it looks at the request:
 * a handler that records nothing stays as static as it was.
 */
export function hang(request: NextRequest, open: () => Km): boolean {
  if ("km" in request) return false;
  Object.defineProperty(request, "km", {
    configurable: true,
    enumerable: true,
    get: () => {
      // Next's own rule first: it marks the route as dynamic, or ends the attempt to make it static.
      const { headers } = request;
      return isForEverybody(headers) ? nobody : open();
    },
  });
  return true;
}

/** Whether the request is looked at before the handler is: a GET handler may be static, unless the app's own option must be awaited. */
export function opensAtOnce(request: NextRequest, options: NextOptions): boolean {
  try {
    const { method } = request;
    return options.identity !== undefined || (method !== "GET" && method !== "HEAD");
  } catch {
    // What Next hands to a force-static handler lets nobody read its method on Node 24. It is a GET.
    return false;
  }
}

/** A redirection for good may be kept by shared caches, and Next's answer cannot be made private. */
function mayCarry(thrown: unknown, method: string): boolean {
  const digest = String((thrown as { digest?: unknown } | undefined)?.digest);
  return digest.startsWith("NEXT_REDIRECT") && !((method === "GET" || method === "HEAD") && digest.endsWith(";308;"));
}
