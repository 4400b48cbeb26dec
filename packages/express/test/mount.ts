import { createServer } from "node:http";
import type { Mount, Setup, Turn } from "@kmkit/testkit";
import type { Application, default as express5, Request, Response } from "express";
import session from "express-session";
import { type ExpressRequest, km } from "../src/index.ts";

type Express = typeof express5;

/** One version of Express, as the suite of all adapters sees it. */
export const mountOf = (express: Express): Mount => ({
  start(setup) {
    const app = express();
    // The handlers that throw here do so on purpose.
    app.set("env", "test");
    if (setup.trustProxy === true) app.set("trust proxy", true);
    if (setup.prefix === undefined) furnish(express, app, setup);
    else {
      const sub = express();
      furnish(express, sub, setup);
      if (setup.twice === true) app.use(km(setup.km));
      app.use(setup.prefix, sub);
    }
    return { server: createServer(app) };
  },
  header: (native, name) => (native as ExpressRequest).headers[name] as string | undefined,
  httpError: (status) => Object.assign(new Error("on purpose"), { status }),
  bare(options, request, response) {
    const native = request as ExpressRequest;
    km(options)(native, response as Response, () => {});
    return native.km;
  },
});

function furnish(express: Express, app: Application, { km: options, routes, sessions, twice }: Setup): void {
  const store = session({ secret: "cat", resave: false, saveUninitialized: false });
  if (sessions === "before") app.use(store);
  app.use(km(options));
  if (twice === true) app.use(km(options));
  if (sessions === "after") app.use(store);
  app.use(express.urlencoded({ extended: false }));
  for (const { method, path, handle } of routes) {
    app[method.toLowerCase() as "get"](path, (request, response, next) => {
      // Express 4 does not look at a handler's promise.
      const done = handle(turnOf(request, response));
      done?.catch(next);
    });
  }
}

function turnOf(request: Request, response: Response): Turn {
  const within = (work: (done: (error?: unknown) => void) => void) =>
    new Promise<void>((resolve, reject) => work((error) => (error ? reject(error) : resolve())));
  return {
    get km() {
      return request.km;
    },
    native: request,
    header: (name) => request.get(name),
    form: async () => request.body ?? {},
    get session() {
      return request.session as unknown as Record<string, unknown> | undefined;
    },
    regenerate: () => within((done) => request.session.regenerate(done)),
    destroy: () => within((done) => request.session.destroy(done)),
    setHeader: (name, value) => void response.set(name, value),
    cookie: (name, value) => void response.cookie(name, value),
    send: (text, status = 200) => void response.status(status).send(text),
    redirect: (path) => response.redirect(path),
    stream: () => ({ write: (chunk) => void response.write(chunk), end: () => void response.end() }),
    raw: response,
    takeOver: () => response,
  };
}
