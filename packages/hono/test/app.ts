import type { Setup, Stream, Turn } from "@kmkit/testkit";
import { type Context, Hono } from "hono";
import { setCookie } from "hono/cookie";
import { HTTPException } from "hono/http-exception";
import { stream } from "hono/streaming";
import { MemoryStore, type Session, sessionMiddleware } from "hono-sessions";
import { km } from "../src/index.ts";
import { sessionOf } from "../src/session.ts";

/** What only one runtime can do. */
export type Extras = (c: Context) => Partial<Turn>;

/** The app that a test of the suite wants, on every runtime. */
export function appOf(setup: Setup, extras: Extras = () => ({})): Hono {
  const app = new Hono();
  if (setup.prefix === undefined) furnish(app, setup, extras);
  else {
    const sub = new Hono();
    furnish(sub, setup, extras);
    if (setup.twice === true) app.use(km(setup.km));
    app.route(setup.prefix, sub);
  }
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse();
    return c.text("broken", "status" in error ? (error.status as 418) : 500);
  });
  return app;
}

/** Behind a proxy: the request as the client made it. The README shows it. */
export function forwarded(request: Request): Request {
  const url = new URL(request.url);
  url.protocol = request.headers.get("x-forwarded-proto") ?? url.protocol;
  url.host = request.headers.get("x-forwarded-host") ?? url.host;
  return url.href === request.url ? request : new Request(url, request);
}

function furnish(app: Hono, { km: options, routes, sessions, twice }: Setup, extras: Extras): void {
  const session = sessionMiddleware({ store: new MemoryStore(), cookieOptions: { path: "/", httpOnly: true } });
  if (sessions === "before") app.use(session);
  app.use(km(options));
  if (twice === true) app.use(km(options));
  if (sessions === "after") app.use(session);
  for (const { method, path, handle } of routes) {
    // A handler answers by what it returns; what it does after `send` it does behind the answer's back.
    const handler = (c: Context) =>
      new Promise<Response>((resolve, reject) => {
        const turn = turnOf(c, resolve);
        const work = async () => handle(Object.assign(turn, extras(c)));
        work().catch(reject);
      });
    app.on(method, path, handler);
  }
}

function turnOf(c: Context, answer: (response: Response) => void): Turn {
  const session = () => c.get("session") as Session | undefined;
  const empty = () => {
    for (const key of Object.keys(session()?.getCache()._data ?? {})) session()?.forget(key);
  };
  return {
    get km() {
      return c.var.km;
    },
    native: c,
    header: (name) => c.req.header(name),
    form: async () => (await c.req.parseBody()) as Record<string, string>,
    get session() {
      const view = sessionOf(c) as Record<string, unknown> | undefined;
      // A test may put a property in that throws: into what the library keeps.
      const defineProperty = (_: object, key: PropertyKey, told: PropertyDescriptor) =>
        Reflect.defineProperty(session()?.getCache()._data ?? {}, key, told);
      return view && new Proxy<Record<string, unknown>>(view, { defineProperty });
    },
    regenerate: async () => {
      empty();
      c.set("session_key_rotation", true);
    },
    destroy: async () => {
      empty();
      session()?.deleteSession();
    },
    setHeader: (name, value) => {
      if (typeof value === "string") c.header(name, value);
      else for (const line of value) c.header(name, line, { append: true });
    },
    cookie: (name, value) => setCookie(c, name, value),
    send: (text, status = 200) => answer(c.body((status === 204 || status === 304 ? null : text) as string, status as 200)),
    redirect: (path) => answer(c.redirect(path)),
    stream: () => streamOf(c, answer),
  };
}

function streamOf(c: Context, answer: (response: Response) => void): Stream {
  const chunks: string[] = [];
  let ended = false;
  let wake: () => void = () => {};
  answer(
    stream(c, async (out) => {
      for (;;) {
        for (const chunk of chunks.splice(0)) await out.write(chunk);
        if (ended && chunks.length === 0) return;
        if (chunks.length === 0)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    }),
  );
  return {
    write: (chunk) => {
      chunks.push(chunk);
      wake();
    },
    end: () => {
      ended = true;
      wake();
    },
  };
}
