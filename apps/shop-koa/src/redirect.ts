import type { Context } from "koa";

/** Sends the browser on after a form: the next page is a page, and loading it again does nothing twice. */
export function seeOther(ctx: Context, path: string): void {
  ctx.status = 303;
  ctx.redirect(path);
}
