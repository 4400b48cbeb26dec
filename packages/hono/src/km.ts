import { type Client, clientOf, createKm, type Km, type KmOptions, openRequest, WebExchange } from "@kmkit/core";
import type { Context, MiddlewareHandler } from "hono";
import { lateHeaders, type Outgoing } from "./late.ts";
import { sessionOf } from "./session.ts";

declare module "hono" {
  interface ContextVariableMap {
    /** The commands of this request's visitor; see `@kmkit/hono`. */
    km: Km;
  }
}

/**
 * Hono middleware (4), on every runtime: from here on every request knows its visitor, and `c.var.km` records what they do. Put it first, so that it
 * sees the answer last. By default commands wait in memory; on Node hand it a client of `@kmkit/node`, whose outbox is durable.
 *
 * @example
 * app.use(km(createKm())); // createKm of @kmkit/node
 * app.post("/signup", async (c) => {
 *   const { email } = await c.req.parseBody();
 *   c.var.km.identify(email);
 *   c.var.km.record("Signed Up", { Plan: "Pro" });
 *   return c.redirect("/");
 * });
 */
export function km(options: KmOptions<Context> | Client = {}): MiddlewareHandler {
  const { client, options: own } = clientOf(options, createKm);
  return async function km(c, next) {
    if (c.get("km") !== undefined) return next();
    const { incoming, outgoing: beneath } = nodeOf(c);
    const exchange = new WebExchange(c.req.raw, {
      session: () => sessionOf(c),
      beneath,
      late: beneath && lateHeaders(beneath),
      header: incoming && ((name) => incoming.headers[name]?.toString()),
    });
    c.set("km", openRequest(client, own, c, exchange));
    try {
      await next();
      // The handler of such an answer writes past Hono (RESPONSE_ALREADY_SENT): nothing can be put on it.
      if (beneath === undefined || !c.res.headers.has("x-hono-already-sent")) replace(c, exchange.answer(c.res));
    } catch (error) {
      exchange.fail();
      throw error;
    } finally {
      if (beneath === undefined) hold(c, () => exchange.over.then(() => client.safe()));
    }
  };
}

/** Node's own request and response, which `@hono/node-server` hands to every request. */
interface Node {
  readonly incoming?: { readonly headers: Readonly<Record<string, string | readonly string[] | undefined>> };
  readonly outgoing?: Outgoing;
}

function nodeOf(c: Context): Node {
  const { incoming, outgoing } = (c.env ?? {}) as Node;
  const node = typeof outgoing?.once === "function" && typeof outgoing.writeHead === "function";
  return node && typeof incoming?.headers === "object" ? { incoming, outgoing } : {};
}

function replace(c: Context, response: Response): void {
  if (response === c.res) return;
  // Otherwise Hono would put the old headers over the new ones.
  c.res = undefined;
  c.res = response;
}

/** Asks the platform to go on until the commands are safe. One that has no such thing throws when asked for it. */
function hold(c: Context, safe: () => Promise<void>): void {
  let context: { waitUntil(work: Promise<unknown>): void };
  try {
    context = c.executionCtx;
  } catch {
    return;
  }
  context.waitUntil(safe());
}
