import { type Client, type Km, openRequest } from "@kmkit/core";
import { clientOf, exchangeOf, type KmOptions } from "@kmkit/node";
import type { BaseContext, Context } from "koa";
import { afterSessionSet } from "./session.ts";

declare module "koa" {
  interface BaseContext {
    /** The commands of this request's visitor; see `@kmkit/koa`. */
    km: Km;
  }
  interface DefaultContext {
    /** Node's own request. It has `km` as well, for what knows nothing of Koa. */
    req: { km: Km };
  }
}

/** The context as options see it: Koa's own, with what session and passport types add to it. */
export type KoaContext = Context;

/**
 * Koa middleware (2 and 3): from here on every request knows its visitor, and `ctx.km` (or `ctx.req.km`) records what they do. Works before and
 * after the session middleware and in a mounted app; mounted twice it counts once. The commands are handed over when the response is over.
 *
 * @example
 * app.use(km());
 * router.post("/signup", (ctx) => {
 *   ctx.km.identify(ctx.request.body.email);
 *   ctx.km.record("Signed Up", { Plan: "Pro" });
 *   ctx.redirect("/");
 * });
 */
export function km(options: KmOptions<KoaContext> | Client = {}): (context: BaseContext, next: () => Promise<unknown>) => Promise<unknown> {
  const { client, options: own } = clientOf(options);
  return async function km(context, next) {
    const ctx = context as KoaContext;
    const { req, res } = ctx;
    if (req.km !== undefined) {
      // An app that another one serves by its callback() has a context of its own.
      ctx.km = req.km;
      return next();
    }
    let returning: (() => void) | undefined;
    const exchange = exchangeOf(req, res, {
      url: () => ctx.originalUrl,
      secure: () => ctx.secure,
      host: () => ctx.hostname,
      session: () => ctx.session,
      ending: (work) => {
        returning = work;
        afterSessionSet(ctx, work);
      },
    });
    ctx.km = req.km = openRequest(client, own, ctx, exchange);
    try {
      return await next();
    } finally {
      // Koa's session libraries save on the way back through the middleware, before the response ends.
      returning?.();
    }
  };
}
