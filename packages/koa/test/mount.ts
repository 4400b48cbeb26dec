import { createServer, type ServerResponse } from "node:http";
import { PassThrough } from "node:stream";
import type { Mount, Setup, Turn } from "@kmkit/testkit";
import Router from "@koa/router";
import type { Context, default as Koa3, Middleware } from "koa";
import bodyParser from "koa-bodyparser";
import compose from "koa-compose";
import session from "koa-session";
import { km } from "../src/index.ts";

export type Koa = typeof Koa3;

/** One version of Koa, as the suite of all adapters sees it. */
export const mountOf = (Koa: Koa): Mount => ({
  start(setup) {
    const app = new Koa({ proxy: setup.trustProxy === true });
    // The handlers that throw here do so on purpose.
    app.silent = true;
    const parts = furnish(app, setup);
    if (setup.prefix === undefined) for (const part of parts) app.use(part);
    else {
      if (setup.twice === true) app.use(km(setup.km));
      app.use(mounted(setup.prefix, parts));
    }
    return { server: createServer(app.callback()) };
  },
  header: (native, name) => (native as Context).get(name) || undefined,
  httpError: (status) => Object.assign(new Error("on purpose"), { status }),
  bare(options, request, response) {
    const ctx = new Koa().createContext(request, response as ServerResponse);
    km(options)(ctx, async () => {});
    return ctx.km;
  },
});

function furnish(app: Koa3, { km: options, routes, sessions, twice }: Setup): Middleware[] {
  const store = sessions === undefined ? [] : [memory(app)];
  const router = new Router();
  for (const { method, path, handle } of routes) {
    router[method.toLowerCase() as "get"](path, (ctx) => handle(turnOf(ctx)));
  }
  const ours = twice === true ? [km(options), km(options)] : [km(options)];
  const first = sessions === "before" ? [...store, ...ours] : [...ours, ...store];
  return [...first, bodyParser({ enableTypes: ["form"] }), router.routes() as Middleware];
}

/** koa-session with a store, as most apps have it. */
export function memory(app: Koa3): Middleware {
  const kept = new Map<string, unknown>();
  return session(
    {
      key: "sid",
      signed: false,
      store: {
        get: async (id) => kept.get(id),
        set: async (id, data) => void kept.set(id, data),
        destroy: async (id) => void kept.delete(id),
      },
    },
    app,
  );
}

/** As koa-mount does it: the same context, with the path cut. */
export function mounted(prefix: string, parts: Middleware[]): Middleware {
  const inner = compose(parts);
  return async (ctx, next) => {
    const { path } = ctx;
    if (path !== prefix && !path.startsWith(`${prefix}/`)) return next();
    ctx.path = path.slice(prefix.length) || "/";
    await inner(ctx, async () => {
      ctx.path = path;
      await next();
    });
    ctx.path = path;
  };
}

function turnOf(ctx: Context): Turn {
  return {
    get km() {
      return ctx.km;
    },
    native: ctx,
    header: (name) => ctx.get(name) || undefined,
    form: async () => (ctx.request.body as Record<string, string> | undefined) ?? {},
    get session() {
      return ctx.session ?? undefined;
    },
    async regenerate() {
      ctx.session = {};
      await ctx.session.regenerate();
    },
    async destroy() {
      ctx.session = null;
    },
    setHeader: (name, value) => ctx.set(name, value),
    cookie: (name, value) => void ctx.cookies.set(name, value),
    send(text, status = 200) {
      ctx.status = status;
      ctx.body = text;
    },
    redirect: (path) => ctx.redirect(path),
    stream() {
      const stream = new PassThrough();
      ctx.body = stream;
      return { write: (chunk) => void stream.write(chunk), end: () => void stream.end() };
    },
    get raw() {
      return ctx.res;
    },
    takeOver() {
      ctx.respond = false;
      ctx.res.statusCode = 200;
      return ctx.res;
    },
  };
}
