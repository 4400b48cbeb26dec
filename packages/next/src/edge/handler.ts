import { type Client, type Km, type OpenedKm, openRequest, WebExchange } from "@kmkit/core";
import type { NextRequest } from "next/server.js";
import { changed, writeByApi } from "./cookies.ts";
import { ends } from "./end.ts";
import { type NextOptions, SessionAnswer } from "./options.ts";

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
  const exchange = new WebExchange(
    request,
    ends(request, () => client().safe()),
  );
  const session = new SessionAnswer(options);
  let opened: OpenedKm | undefined;
  const open = () => {
    opened ??= openRequest(client(), session.request, request, exchange);
    return opened;
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
    if (opened === undefined) throw thrown;
    await again();
    // Next makes the answer to a redirect() itself, and puts on it what was set by cookies().
    if (isRedirect(thrown)) await writeByApi(exchange.answer(new Response(null)).headers.getSetCookie());
    else exchange.fail();
    throw thrown;
  }
  if (opened === undefined) return response;
  await again(response);
  return exchange.answer(response);
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
      void request.headers;
      return open();
    },
  });
  return true;
}

/** Whether the request is looked at before the handler is: a GET handler may be static, unless the app's own option must be awaited. */
export function opensAtOnce(request: NextRequest, options: NextOptions): boolean {
  return options.identity !== undefined || (request.method !== "GET" && request.method !== "HEAD");
}

function isRedirect(thrown: unknown): boolean {
  return String((thrown as { digest?: unknown } | undefined)?.digest).startsWith("NEXT_REDIRECT");
}
