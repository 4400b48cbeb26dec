import { codes, type KmCode, KmError, type Outbox } from "@kmkit/core";
import { type Context, Hono } from "hono";
import { readBody } from "./body.ts";
import { classicCall, GIF } from "./classic.ts";
import type { Door } from "./door.ts";
import { refusal } from "./guard.ts";
import { type Access, bearer } from "./keys.ts";
import type { Store } from "./store/store.ts";

/** What the collector's HTTP side stands on. */
export interface Parts {
  readonly access: Access;
  readonly door: Door;
  readonly outbox: Outbox;
  readonly store: Store;
  readonly report: (error: KmError) => void;
}

/** How long a read waits for what was acknowledged before it to be stored, in ms. */
const CATCH_UP = 5000;

/** The collector as a fetch function, `(Request) => Promise<Response>`; no socket needed. Routes: `/v1/commands`, `/e /s /a`, people, export, status. */
export function createApp({ access, door, outbox, store, report }: Parts): Hono {
  const app = new Hono();
  const failed = (
    context: Context,
    status: 400 | 401 | 403 | 404 | 413 | 421 | 500 | 503,
    error: KmError,
    headers: Record<string, string> = {},
  ) => context.json({ code: error.code, message: error.message }, status, headers);
  const product = (context: Context): number | undefined => access.productNamed(context.req.query("product"));

  app.use(async (context, next) => {
    const error = access.open ? refusal((name) => context.req.header(name)) : undefined;
    if (error !== undefined) return failed(context, error.code === "KM_HOST_REFUSED" ? 421 : 403, error);
    await next();
    return undefined;
  });

  app.get("/healthz", (context) => context.json({ ok: true }));

  app.post("/v1/commands", async (context) => {
    const key = access.product(bearer(context.req.header("authorization")));
    if (key === undefined) return failed(context, 401, new KmError("KM_KEY_REFUSED"), { "www-authenticate": "Bearer" });
    const body = await readBody(context.req.raw);
    if (body instanceof KmError) return failed(context, body.code === "KM_BODY_TOO_LARGE" ? 413 : 400, body);
    const { error, ...answer } = await door.admit(key, body);
    if (error !== undefined) return failed(context, 503, error, { "retry-after": "2" });
    return context.json(answer);
  });

  for (const kind of ["e", "s", "a"] as const) {
    // HEAD comes as GET.
    app.on(["GET", "POST"], `/${kind}`, async (context) => {
      // Whatever came, the client gets its picture.
      await formOf(context)
        .then((form) => (form instanceof KmError ? door.refuse(form.code) : classicCall(kind, form, access, door)))
        .catch((cause) => report(new KmError("KM_INTERNAL", String(cause), cause)));
      return context.body(GIF, 200, { "content-type": "image/gif", "cache-control": "no-store" });
    });
  }

  // Everything below reads.
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
    if (id === undefined) return failed(context, 404, new KmError("KM_PRODUCT_UNKNOWN", context.req.query("product")));
    const limit = context.req.query("limit");
    const after = context.req.query("next");
    if (limit !== undefined && !/^[1-9]\d{0,3}$/.test(limit)) return failed(context, 400, new KmError("KM_CURSOR_INVALID", "limit"));
    await outbox.flush(CATCH_UP);
    const page = { ...(limit === undefined ? {} : { limit: Number(limit) }), ...(after === undefined ? {} : { after }) };
    const person = await store.person(id, context.req.param("identity") ?? context.req.query("identity") ?? "", page);
    return person === undefined ? failed(context, 404, new KmError("KM_PERSON_UNKNOWN")) : context.json(person);
  });

  app.get("/v1/export", async (context) => {
    const id = product(context);
    if (id === undefined) return failed(context, 404, new KmError("KM_PRODUCT_UNKNOWN", context.req.query("product")));
    await outbox.flush(CATCH_UP);
    return context.body(streamOf(store.export(id)), 200, { "content-type": "application/x-ndjson" });
  });

  app.get("/v1/status", async (context) => {
    const { kept: waiting, keptBytes: waitingBytes, durable, fault, refused } = outbox.stats();
    const { commands: stored } = await store.counts();
    // Acknowledged and yet not taken by the store. What the outbox could not keep was never acknowledged: the sender still has it.
    const { KM_OUTBOX_FULL: _full, KM_OUTBOX_UNWRITABLE: _unwritable, KM_CLIENT_CLOSED: _closed, ...letters } = refused;
    const setAside = Object.values(letters).reduce((sum, count) => sum + count, 0);
    return context.json({ waiting, waitingBytes, stored, rejected: door.rejected, setAside, durable, fault: fault ?? null });
  });

  app.notFound((context) => failed(context, 404, new KmError("KM_NOT_FOUND", context.req.path)));
  app.onError((cause, context) => {
    if (cause instanceof KmError && cause.code === "KM_CURSOR_INVALID") return failed(context, 400, cause);
    const error = cause instanceof KmError ? cause : new KmError("KM_INTERNAL", cause.message, cause);
    report(error);
    // The message is in the log; a stranger learns only the code.
    return context.json({ code: error.code, message: codes[error.code as KmCode] }, 500);
  });
  return app;
}

/** The parameters of a classic call, still encoded: in the URL, and in the body where a client found them too long for that. */
async function formOf(context: Context): Promise<string | KmError> {
  const { url, method, raw } = context.req;
  const at = url.indexOf("?");
  const query = at < 0 ? "" : url.slice(at + 1);
  if (method !== "POST") return query;
  const body = await readBody(raw, { most: 256 << 10, unpacked: 1 << 20 });
  return body instanceof KmError ? body : `${query}&${Buffer.from(body).toString()}`;
}

/** Lines as a stream that reads on only as fast as the client takes them. */
function streamOf(lines: AsyncIterable<string>): ReadableStream<Uint8Array> {
  const iterator = lines[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const texts: string[] = [];
      while (texts.length < 500) {
        const { done, value } = await iterator.next();
        if (done === true) {
          if (texts.length > 0) controller.enqueue(Buffer.from(texts.join("")));
          controller.close();
          return;
        }
        texts.push(`${value}\n`);
      }
      controller.enqueue(Buffer.from(texts.join("")));
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}
