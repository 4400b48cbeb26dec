import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { publicFiles } from "@kmkit/shop";
import type { Middleware } from "koa";

/** The public files, which are few and small, by their path. */
const contents = new Map(readdirSync(publicFiles).map((name) => [`/${name}`, readFileSync(join(publicFiles, name))]));
const started = new Date();

/** Serves the public files. They may be cached for an hour. */
export const files: Middleware = (ctx, next) => {
  const content = contents.get(ctx.path);
  if (content === undefined || (ctx.method !== "GET" && ctx.method !== "HEAD")) return next();
  ctx.set("Cache-Control", "public, max-age=3600");
  ctx.lastModified = started;
  ctx.type = extname(ctx.path);
  ctx.status = 200;
  if (ctx.fresh) ctx.status = 304;
  else ctx.body = content;
};
