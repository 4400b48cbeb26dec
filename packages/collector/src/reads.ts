import { KmError, type Outbox, type OutboxStats } from "@kmkit/core";
import type { Context, Hono } from "hono";
import type { Parts } from "./app.ts";
import { type Failed, failed } from "./failed.ts";
import { lineStream } from "./linestream.ts";
import { addStatus, setAside } from "./status.ts";

/** How long a read waits for what was acknowledged before it to be stored, in ms. */
const CATCH_UP = 5000;

/** People and export, and the status. An answer that lacks something says of how many commands: `km-behind`. */
export function addReads(app: Hono, parts: Parts): void {
  const { access, outbox, store } = parts;
  const product = (context: Context): number | undefined => access.productNamed(context.req.query("product"));
  const unknown = (context: Context): Failed => failed(context, 404, new KmError("KM_PRODUCT_UNKNOWN", context.req.query("product")));
  const behindOf = async (context: Context): Promise<number> => {
    const behind = await catchUp(outbox, CATCH_UP);
    if (behind > 0) context.header("km-behind", String(behind));
    return behind;
  };

  app.use("/v1/*", async (context, next) => {
    if (!access.mayRead(context.req.header("authorization"))) {
      return failed(context, 401, new KmError("KM_TOKEN_REFUSED"), { "www-authenticate": "Bearer" });
    }
    context.header("cache-control", "no-store");
    await next();
    return undefined;
  });

  // By query too: in a path URLs swallow the identities "." and "..".
  app.on("GET", ["/v1/people", "/v1/people/:identity"], async (context) => {
    const id = product(context);
    if (id === undefined) return unknown(context);
    const limit = context.req.query("limit");
    const after = context.req.query("next");
    if (limit !== undefined && !/^[1-9]\d{0,3}$/.test(limit)) return failed(context, 400, new KmError("KM_CURSOR_INVALID", "limit"));
    const behind = await behindOf(context);
    const page = { ...(limit === undefined ? {} : { limit: Number(limit) }), ...(after === undefined ? {} : { after }) };
    const person = await store.person(id, context.req.param("identity") ?? context.req.query("identity") ?? "", page);
    return person === undefined ? failed(context, 404, new KmError("KM_PERSON_UNKNOWN")) : context.json({ ...person, behind });
  });

  app.get("/v1/export", async (context) => {
    const id = product(context);
    if (id === undefined) return unknown(context);
    await behindOf(context);
    return context.body(lineStream(store.export(id)), 200, { "content-type": "application/x-ndjson" });
  });

  addStatus(app, parts);
}

/** Waits until what was acknowledged before the call is stored; after `ms` returns how many commands of it are not. */
async function catchUp(outbox: Outbox, ms: number): Promise<number> {
  const done = (stats: OutboxStats): number => stats.sent + setAside(stats);
  const before = outbox.stats();
  await outbox.flush(ms);
  // Those that came meanwhile wait behind them.
  return Math.max(0, before.kept - (done(outbox.stats()) - done(before)));
}
