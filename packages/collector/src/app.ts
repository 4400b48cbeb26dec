import { codes, type KmCode, KmError, type Outbox } from "@kmkit/core";
import { type Context, Hono } from "hono";
import { readBody } from "./body.ts";
import { classicCall, GIF } from "./classic.ts";
import type { Door } from "./door.ts";
import { failed } from "./failed.ts";
import { refusal } from "./guard.ts";
import { type Access, bearer } from "./keys.ts";
import { addLive } from "./live/route.ts";
import type { Live } from "./live.ts";
import { addReads } from "./reads.ts";
import type { Store } from "./store/store.ts";

/** What the collector's HTTP side stands on. */
export interface Parts {
  readonly access: Access;
  readonly door: Door;
  readonly live: Live;
  readonly outbox: Outbox;
  readonly store: Store;
  readonly report: (error: KmError) => void;
  /** Why nothing can be taken now, if so: the collector ends, or the outbox does not keep. */
  readonly hindrance: () => KmError | undefined;
}

/** The collector as a fetch function, `(Request) => Promise<Response>`; no socket needed. Routes: `/v1/commands`, `/e /s /a`, people, live, export, status. */
export function createApp(parts: Parts): Hono {
  const { access, door, report } = parts;
  const app = new Hono();

  app.use(async (context, next) => {
    const error = access.open ? refusal((name) => context.req.header(name)) : undefined;
    if (error !== undefined) return failed(context, error.code === "KM_HOST_REFUSED" ? 421 : 403, error);
    await next();
    return undefined;
  });

  app.get("/healthz", (context) => context.json({ ok: true }));

  app.get("/readyz", (context) => {
    const error = parts.hindrance();
    return error === undefined ? context.json({ ready: true }) : failed(context, 503, error, { "retry-after": "2" });
  });

  app.post("/v1/commands", async (context) => {
    const key = bearer(context.req.header("authorization"));
    const refused = () => failed(context, 401, new KmError("KM_KEY_REFUSED"), { "www-authenticate": "Bearer" });
    if (access.writer(key) === undefined) return refused();
    const body = await readBody(context.req.raw);
    // A body may take its time to arrive, and the key may be revoked meanwhile.
    const writer = access.writer(key);
    if (writer === undefined) return refused();
    if (body instanceof KmError) return failed(context, body.code === "KM_BODY_TOO_LARGE" ? 413 : 400, body);
    const { error, ...answer } = await door.admit(writer, body);
    if (error !== undefined) return failed(context, 503, error, { "retry-after": "2" });
    return context.json(answer);
  });

  for (const kind of ["e", "s", "a"] as const) {
    // HEAD comes as GET.
    app.on(["GET", "POST"], `/${kind}`, async (context) => {
      // Whatever came, the client gets its picture.
      await formOf(context)
        .then((form): unknown => (form instanceof KmError ? door.refuse(form.code) : classicCall(kind, form, access, door)))
        .catch((cause) => report(new KmError("KM_INTERNAL", String(cause), cause)));
      return context.body(GIF, 200, { "content-type": "image/gif", "cache-control": "no-store" });
    });
  }

  addReads(app, parts);
  addLive(app, parts);

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
