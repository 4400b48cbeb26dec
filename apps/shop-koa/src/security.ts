import { fromElsewhere, noticePage, pageHeaders } from "@kmkit/shop";
import type { Middleware } from "koa";
import { viewOf } from "./view.ts";

/** Headers that keep a page from running, framing or leaking anything, and keep what one visitor sees out of shared caches. */
export const securityHeaders: Middleware = (ctx, next) => {
  ctx.set(pageHeaders);
  return next();
};

/** Refuses a form that another site made the browser send. */
export const sameOrigin: Middleware = (ctx, next) => {
  if (!fromElsewhere(ctx.method, (name) => ctx.req.headers[name])) return next();
  ctx.status = 403;
  ctx.body = noticePage(viewOf(ctx), "That came from elsewhere", "The form was sent from another site, so nothing was done.");
};
