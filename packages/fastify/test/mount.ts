import { PassThrough } from "node:stream";
import cookie from "@fastify/cookie";
import formbody from "@fastify/formbody";
import session from "@fastify/session";
import type { Mount, Setup, Turn } from "@kmkit/testkit";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { km } from "../src/index.ts";

/** Fastify, as the suite of all adapters sees it. */
export const mount: Mount = {
  async start(setup) {
    const app = Fastify({ trustProxy: setup.trustProxy === true });
    if (setup.prefix === undefined) furnish(app, setup);
    else {
      if (setup.twice === true) app.register(km, setup.km);
      app.register(async (sub) => furnish(sub, setup), { prefix: setup.prefix });
    }
    await app.ready();
    return { server: app.server, close: () => app.close() };
  },
  header: (native, name) => (native as FastifyRequest).headers[name] as string | undefined,
  httpError: (statusCode) => Object.assign(new Error("on purpose"), { statusCode }),
};

function furnish(app: FastifyInstance, { km: options, routes, sessions, twice }: Setup): void {
  const sessionPlugins = () => {
    app.register(session, { secret: "a secret of thirty-two characters", saveUninitialized: false, cookie: { secure: false } });
  };
  app.register(cookie);
  if (sessions === "before") sessionPlugins();
  app.register(km, options);
  if (twice === true) app.register(km, options);
  if (sessions === "after") sessionPlugins();
  app.register(formbody);
  for (const { method, path, handle } of routes) {
    app.route({
      method,
      url: path,
      handler: async (request, reply) => {
        await handle(turnOf(request, reply));
        return reply;
      },
    });
  }
}

function turnOf(request: FastifyRequest, reply: FastifyReply): Turn {
  return {
    get km() {
      return request.km;
    },
    native: request,
    header: (name) => request.headers[name] as string | undefined,
    form: async () => (request.body ?? {}) as Record<string, string>,
    get session() {
      return (request.session ?? undefined) as unknown as Record<string, unknown> | undefined;
    },
    regenerate: () => request.session.regenerate(),
    destroy: () => request.session.destroy(),
    setHeader: (name, value) => void reply.header(name, value),
    cookie: (name, value) => void reply.setCookie(name, value),
    send: (text, status = 200) => void reply.code(status).send(text),
    redirect: (path) => void reply.redirect(path),
    stream: () => {
      const stream = new PassThrough();
      reply.send(stream);
      return { write: (chunk) => void stream.write(chunk), end: () => void stream.end() };
    },
    raw: reply.raw,
    takeOver: () => {
      reply.hijack();
      return reply.raw;
    },
  };
}
