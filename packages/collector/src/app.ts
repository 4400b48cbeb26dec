import { codes, type KmCode, KmError, type Outbox } from "@kmkit/core";
import { type Context, Hono } from "hono";
import { addBatch } from "./batch.ts";
import { readBody } from "./body.ts";
import { answerTo, classicCall, GIF, HEADERS, PREFLIGHT, SCRIPT_HEADERS, senderOf } from "./classic.ts";
import type { Door } from "./door.ts";
import { failed } from "./failed.ts";
import { FORM, formText } from "./form.ts";
import { refusal } from "./guard.ts";
import { type Access, bearer } from "./keys.ts";
import { addLive } from "./live/route.ts";
import type { Live } from "./live.ts";
import { addReads } from "./reads.ts";
import type { Store } from "./store/store.ts";
import { classicTarget, type Kind } from "./target.ts";

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

/** The collector as a fetch function, `(Request) => Promise<Response>`; no socket needed. Routes: `/v1/commands`, `/e /s /a` and their batch, people, live, export, status. */
export function createApp(parts: Parts): Hono {
  const { access, door, report } = parts;
  const app = new Hono();

  app.use(async (context, next) => {
    const error = access.open ? refusal((name) => context.req.header(name)) : undefined;
    if (error !== undefined && classicTarget(context.req.path) !== undefined) door.refuse(error.code);
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
    const refused = () => {
      door.refuse("KM_KEY_REFUSED", 1, key ?? "");
      return failed(context, 401, new KmError("KM_KEY_REFUSED"), { "www-authenticate": "Bearer" });
    };
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

  addBatch(app, parts);

  for (const kind of ["e", "s", "a"] as const) {
    const paths = [`/${kind}`, `/${kind}/`, `//${kind}`, `//${kind}/`];
    // HEAD comes as GET.
    app.on(["GET", "POST"], paths, async (context) => {
      // Whatever came, the client gets its picture.
      const error = await take(kind, context).catch((cause) => void report(new KmError("KM_INTERNAL", String(cause), cause)));
      const { status, retryAfter } = answerTo(error);
      const headers = context.req.header("origin") === undefined ? HEADERS : SCRIPT_HEADERS;
      return context.body(GIF, status, retryAfter === undefined ? headers : { ...headers, "retry-after": retryAfter });
    });
    app.on("OPTIONS", paths, (context) => context.body(null, 204, PREFLIGHT));
  }
  const take = async (kind: Kind, context: Context): Promise<KmError | undefined> => {
    const [query, form] = await formOf(context);
    if (!(form instanceof KmError)) return classicCall(kind, form, access, door);
    door.refuse(form.code, 1, senderOf(query, access));
    return undefined;
  };

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

/** The parameters of a classic call, still encoded: those in its URL, and all, where a client found them too long for that and put them in the body. */
async function formOf(context: Context): Promise<[query: string, form: string | KmError]> {
  const { url, method, raw } = context.req;
  const at = url.indexOf("?");
  const query = at < 0 ? "" : url.slice(at + 1);
  if (method !== "POST") return [query, query];
  const body = await readBody(raw, FORM);
  const form = body instanceof KmError ? body : await formText(body, context.req.header("content-type"));
  return [query, form instanceof KmError ? form : `${query}&${form}`];
}
