import { type Km, openRequest } from "@kmkit/core";
import { clientOf, exchangeOf, type KmOptions } from "@kmkit/node";
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";
import fastifyPlugin from "fastify-plugin";

declare module "fastify" {
  interface FastifyRequest {
    /** The commands of this request's visitor; see `@kmkit/fastify`. */
    km: Km;
  }
}

/**
 * Fastify plugin (5): from here on every request knows its visitor, and `request.km` records what they do. Registered before or after the session
 * plugin; registered twice it counts once. The commands are handed over when the response is over.
 *
 * @example
 * app.register(km);
 * app.post("/signup", async (request, reply) => {
 *   request.km.identify(request.body.email);
 *   request.km.record("Signed Up", { Plan: "Pro" });
 *   return reply.redirect("/");
 * });
 */
export const km: FastifyPluginCallback<KmOptions<FastifyRequest>> = fastifyPlugin(
  (app, options: KmOptions<FastifyRequest>, done) => {
    if (app.hasRequestDecorator("km")) return done();
    const { client, options: own } = clientOf(options);
    app.decorateRequest("km", null as unknown as Km);
    app.addHook("onRequest", (request, reply, next) => {
      const exchange = exchangeOf(request.raw, reply.raw, {
        url: () => request.originalUrl,
        secure: () => request.protocol === "https",
        host: () => request.hostname,
        session: () => (request as { session?: unknown }).session,
        ending: (work) => beforeSend(reply, work),
      });
      request.km = openRequest(client, own, request, exchange);
      next();
    });
    done();
  },
  { fastify: "5.x", name: "@kmkit/fastify" },
);

/** Session plugins save in `onSend`, in the order of registration: what comes before all those hooks is `send` itself, which every answer goes through. */
function beforeSend(reply: FastifyReply, work: () => void): void {
  const { send } = reply;
  reply.send = function (this: FastifyReply, ...payload) {
    reply.send = send;
    work();
    return Reflect.apply(send, this, payload);
  } as FastifyReply["send"];
}
