import { setImmediate } from "node:timers/promises";
import { KmError, MAX_VALUE, type Refusal } from "@kmkit/core";
import type { Context, Hono } from "hono";
import type { Parts } from "./app.ts";
import { readBody } from "./body.ts";
import { type Call, commandOf, emptyCall, take } from "./classic.ts";
import { type Door, isUnkept } from "./door.ts";
import { type Failed, failed } from "./failed.ts";
import { bearer, type Writer } from "./keys.ts";
import type { Kind } from "./target.ts";

/** Most calls of a batch. */
const MOST_CALLS = 50_000;
/** How many are worked at a time, before others get their turn. */
const SLICE = 500;
/** How deep a property's objects are followed. */
const MAX_DEPTH = 8;

type Item = Readonly<Record<string, unknown>>;

/**
 * The batch of the classic API: `POST /v1/products/ANY/tracking/e?_signature=…`, also `s` and `a`, with the key in `X-KM-ApiKey` (or as a bearer
 * token), which alone decides the product; neither the id in the path nor the signature, made with a secret that only KISSmetrics had, is looked at.
 *
 * The body is JSON: a list of calls, an object with one (`{"data": […]}`), or a single call. A call is
 * `{"identity": "bob", "timestamp": 1769860800, "event": "Signed Up", "Plan": "Pro"}`, or the same with the names of a URL (`_p`, `_t`, `_n`); `alias`
 * (or `_p2`) makes it an alias, and with neither `event` nor `alias` it sets. Everything else is a property, also what stands under `properties`. A
 * `timestamp` counts by itself, unless `_d` says 0. The answer says what was accepted and what was refused, by its place in the list.
 */
export function addBatch(app: Hono, { access, door }: Parts): void {
  app.post("/v1/products/:product/tracking/:kind{[esa]}", async (context) => {
    const key = context.req.header("x-km-apikey") ?? bearer(context.req.header("authorization")) ?? "";
    const refused = () => {
      door.refuse("KM_KEY_REFUSED", 1, key);
      return failed(context, 401, new KmError("KM_KEY_REFUSED"), { "www-authenticate": "Bearer" });
    };
    if (access.writer(key) === undefined) return refused();
    const items = await itemsIn(context);
    // A body may take its time to arrive, and the key may be revoked meanwhile.
    const writer = access.writer(key);
    if (writer === undefined) return refused();
    if (items instanceof KmError) {
      door.refuse(items.code, 1, writer);
      return failed(context, items.code === "KM_BODY_TOO_LARGE" ? 413 : 400, items);
    }
    return admitAll(items, context.req.param("kind") as Kind, writer, door, context);
  });
}

async function admitAll(items: readonly unknown[], kind: Kind, writer: Writer, door: Door, context: Context): Promise<Response | Failed> {
  const rejected: Refusal[] = [];
  for (let start = 0; start < items.length; start += SLICE) {
    if (start > 0) await setImmediate();
    const errors = await Promise.all(items.slice(start, start + SLICE).map((item) => admit(item, kind, writer, door)));
    for (const [at, error] of errors.entries()) {
      if (error === undefined) continue;
      // All of it comes again then; what is kept already counts once.
      if (isUnkept(error)) return failed(context, 503, error, { "retry-after": "2" });
      rejected.push({ index: start + at, code: error.code, message: error.message });
    }
  }
  return context.json({ accepted: items.length - rejected.length, rejected });
}

async function admit(item: unknown, path: Kind, writer: Writer, door: Door): Promise<KmError | undefined> {
  const command = isObject(item) ? commandOf(path === "e" && hasAlias(item) ? "a" : path, callOf(item), writer, door) : "KM_BATCH_INVALID";
  if (typeof command !== "string") return command === undefined ? undefined : door.admitOne(writer, command);
  door.refuse(command, 1, writer);
  return new KmError(command);
}

/** The calls in a body. */
async function itemsIn({ req }: Context): Promise<readonly unknown[] | KmError> {
  const body = await readBody(req.raw);
  if (body instanceof KmError) return body;
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    return new KmError("KM_BATCH_INVALID", cause instanceof Error ? cause.message.slice(0, 120) : undefined, cause);
  }
  const items = Array.isArray(content) ? content : isObject(content) ? (listIn(content) ?? [content]) : undefined;
  if (items === undefined) return new KmError("KM_BATCH_INVALID", content === null ? "null" : typeof content);
  return items.length > MOST_CALLS ? new KmError("KM_BODY_TOO_LARGE", `${MOST_CALLS} calls`) : items;
}

/** The list that an object is only the cover of; a call of its own may have lists among its properties. */
function listIn(content: Item): readonly unknown[] | undefined {
  if (Array.isArray(content.data)) return content.data;
  if (content.identity !== undefined || content._p !== undefined) return undefined;
  return Object.values(content).find((value): value is unknown[] => Array.isArray(value) && value.every(isObject));
}

const reserved: ReadonlyMap<string, string> = new Map([
  ["identity", "_p"],
  ["event", "_n"],
  ["alias", "_n"],
  ["_p2", "_n"],
  ["timestamp", "_t"],
]);

function callOf(item: Item): Call {
  const call = emptyCall();
  call.backDated = "1";
  for (const [name, value] of Object.entries(item)) {
    if (name === "properties" && isObject(value)) for (const [own, one] of Object.entries(value)) property(call, own, one, 0);
    else property(call, reserved.get(name) ?? name, value, 0);
  }
  return call;
}

/** A parameter as the URL would have it: flat, and text. `null` says nothing. */
function property(call: Call, name: string, value: unknown, depth: number): void {
  if (value === null || depth > MAX_DEPTH) return;
  if (Array.isArray(value) && !value.some(isNested)) take(call, name, value.join().slice(0, MAX_VALUE));
  else if (isNested(value)) for (const [key, one] of Object.entries(value)) property(call, `${name}.${key}`, one, depth + 1);
  else take(call, name, String(value));
}

function hasAlias({ alias, _p2 }: Item): boolean {
  return (alias ?? _p2 ?? "") !== "";
}

function isObject(value: unknown): value is Item {
  return isNested(value) && !Array.isArray(value);
}

function isNested(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
