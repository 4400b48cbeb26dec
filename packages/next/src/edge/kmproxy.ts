import { type Client, isPageLoad, type Km, type OpenedKm, openRequest } from "@kmkit/core";
import { type NextFetchEvent, type NextRequest, NextResponse } from "next/server.js";
import { changed, changedByApi, writeByApi } from "./cookies.ts";
import { NextWebExchange } from "./exchange.ts";
import { hang } from "./handler.ts";
import { type NextOptions, SessionAnswer } from "./options.ts";

// biome-ignore lint/suspicious/noConfusingVoidType: a proxy may return nothing, as Next's own type says
type Answer = Response | null | undefined | void;
/**
 * The app's own proxy (`middleware` in Next 15): next-intl's, Auth.js', or a function of its own, which finds `request.km`. No proxy has `params`: but
 * what Auth.js' `auth(…)` gives is typed as a route handler, and must fit here.
 */
export type AppProxy = (
  request: NextRequest & { readonly km: Km },
  event: NextFetchEvent & { readonly params: never },
) => Answer | Promise<Answer>;
/** What Next calls: export it as `proxy` from `proxy.ts`, or as `middleware` from `middleware.ts`. */
export type KmProxy = (request: NextRequest, event: NextFetchEvent) => Promise<Response>;

/** One request through the proxy where there is no Node response. Whether the answer arrives nobody will tell: see {@link Exchange.blind}. */
export async function proxyWeb(
  request: NextRequest,
  event: NextFetchEvent,
  app: AppProxy | undefined,
  options: NextOptions,
  client: () => Client,
): Promise<Response> {
  const exchange = new NextWebExchange(request, { blind: true });
  const session = new SessionAnswer(options);
  let opened: OpenedKm | undefined;
  const open = () => {
    opened ??= openRequest(client(), session.request, request, exchange);
    return opened;
  };
  hang(request, open);
  if (isPageLoad(exchange)) {
    open();
    await session.ask(options, request, client);
  }
  let response: Response;
  try {
    response = (await app?.(...([request, event] as unknown as Parameters<AppProxy>))) ?? NextResponse.next();
  } catch (thrown) {
    exchange.fail();
    if (opened !== undefined) event.waitUntil(client().safe());
    throw thrown;
  }
  const km = opened as OpenedKm | undefined;
  if (km === undefined) return response;
  await session.askAgain(client, () => changed(request, response));
  const before = new Set(response.headers.getSetCookie());
  const answer = exchange.answer(forward(request, response, km.forwarded(cookieOf(request, response))));
  event.waitUntil(exchange.over.then(() => client().safe()));
  const ours = answer.headers.getSetCookie().filter((line) => !before.has(line));
  if (ours.length === 0) return answer;
  if (goesOn(answer)) {
    answer.headers.set("cache-control", UNSHARED);
    // Ours come first: where a page sets the first of a proxy's cookies again, as redirect() does, Next forgets all that follow it (15 and 16).
    answer.headers.delete("set-cookie");
    for (const line of [...ours, ...before]) answer.headers.append("set-cookie", line);
  }
  // What was set by cookies() takes the place of every line on the answer (Next 15 and 16): then ours must be among it, and else must not be.
  if (await changedByApi(request)) await writeByApi(ours);
  return answer;
}

/** On a prerendered page Next says `s-maxage=31536000`; what a proxy says wins. */
export const UNSHARED = "private, no-store";

/** Whether a page or a route handler comes after this answer of a proxy. */
function goesOn(response: Response): boolean {
  return response.headers.has("x-middleware-next") || response.headers.has("x-middleware-rewrite");
}

/** The `Cookie` header that comes after the app's own proxy, which may have put another in its place. */
export function cookieOf(request: NextRequest, response: Response): string | null {
  return response.headers.get("x-middleware-request-cookie") ?? request.headers.get("cookie");
}

/**
 * Lets the page see the cookies that the answer is about to set, as if the browser had sent them. By the request's `Cookie` header alone: a header of
 * our own could be forged by whoever asks for a path that the proxy does not cover. The names of Next's protocol between a proxy and the page are
 * those that `NextResponse.next({ request })` writes.
 */
export function forward(request: NextRequest, response: Response, cookie: string | undefined): Response {
  if (cookie === undefined || !goesOn(response)) return response;
  const headers = new Headers(request.headers);
  headers.set("cookie", cookie);
  const over = NextResponse.next({ request: { headers } }).headers;
  const names = response.headers.get(OVERRIDES);
  if (names === null) {
    for (const [name, value] of over) if (name === OVERRIDES || name.startsWith("x-middleware-request-")) response.headers.set(name, value);
  } else {
    if (!names.split(",").includes("cookie")) response.headers.set(OVERRIDES, `${names},cookie`);
    response.headers.set("x-middleware-request-cookie", cookie);
  }
  return response;
}

const OVERRIDES = "x-middleware-override-headers";
