import { KmError } from "@kmkit/core";
import type { Context, Hono } from "hono";
import type { Parts } from "../app.ts";
import { failed } from "../failed.ts";
import type { Access } from "../keys.ts";
import { filterOf } from "./filter.ts";
import type { Reader } from "./listener.ts";

const headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // nginx would keep events back until it has a page of them.
  "x-accel-buffering": "no",
};

/** `GET /v1/live`: a stream of every command of a product from now on. Behind the admin token as all reads. */
export function addLive(app: Hono, { access, live }: Pick<Parts, "access" | "live">): void {
  app.get("/v1/live", (context) => {
    const product = access.productNamed(context.req.query("product"));
    if (product === undefined) return failed(context, 404, new KmError("KM_PRODUCT_UNKNOWN", context.req.query("product")));
    const { person, event, property } = context.req.queries();
    const filter = filterOf({ person, event, property });
    if (filter instanceof KmError) return failed(context, 400, filter);
    // Nobody would read the body of an answer to HEAD, or end it.
    if (context.req.raw.method === "HEAD") return context.body(null, 200, headers);
    const stream = live.open(product, filter, readerOf(context, access));
    if (stream instanceof KmError) return failed(context, 503, stream, { "retry-after": "5" });
    return context.body(stream, 200, headers);
  });
}

function readerOf({ env }: Context, access: Access): Reader {
  const { outgoing } = (env ?? {}) as { outgoing?: { writableFinished: boolean; destroy(): void } };
  const { open } = access;
  return {
    may: () => access.open === open,
    // A request that came by a socket, unless all of the answer is out.
    cut: () => {
      if (outgoing !== undefined && !outgoing.writableFinished) outgoing.destroy();
    },
  };
}
