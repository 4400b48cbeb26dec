import type { Server } from "node:http";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import type { Mount, Turn } from "@kmkit/testkit";
import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { type Km, km } from "../src/index.ts";
import { appOf, forwarded } from "./app.ts";

/** Hono on Node, as the suite of all adapters sees it. */
export const mount: Mount = {
  start(setup) {
    const app = appOf(setup, extras);
    const fetch = setup.trustProxy === true ? (request: Request, env: object) => app.fetch(forwarded(request), env) : app.fetch;
    return { server: createAdaptorServer({ fetch }) as Server };
  },
  header: (native, name) => (native as Context).req.header(name),
  httpError: (status) => new HTTPException(status as 418),
  async bare(options, request, response) {
    const app = new Hono();
    app.use(km(options));
    const held: Km[] = [];
    app.get("*", (c) => {
      held.push(c.var.km);
      return c.body(null);
    });
    const headers = new Headers(Object.entries(request.headers) as [string, string][]);
    await app.fetch(new Request(`http://localhost${request.url}`, { headers }), { incoming: request, outgoing: response });
    return held[0] as Km;
  },
};

const extras = (c: Context): Partial<Turn> => ({ raw: (c.env as HttpBindings).outgoing });
