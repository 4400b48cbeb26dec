import type { Batch } from "./batch.ts";
import type { Transport } from "./outbox.ts";
import { MAX_RETRY_AFTER, type Refusal, type Verdict, verdict } from "./verdict.ts";

/** What an HTTP POST came to. */
export interface Answer {
  readonly status: number;
  /** The header `Retry-After`. */
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/** Makes one HTTP request. Core has one over `fetch`, `@kmkit/node` one over `node:http`. Rejects when no answer comes. */
export type Call = (
  url: string,
  request: { readonly method: "GET" | "POST"; readonly headers: Record<string, string>; readonly body?: Uint8Array<ArrayBuffer> },
  signal: AbortSignal,
) => Promise<Answer>;

/** Sends one POST, as {@link Call} does. */
export type Post = (url: string, headers: Record<string, string>, body: Uint8Array<ArrayBuffer>, signal: AbortSignal) => Promise<Answer>;

/** Compresses with gzip (RFC 1952). Where it rejects, because the platform has no compression, the batch goes as it is. */
export type Gzip = (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>;

/** Below this many bytes gzip saves less than one packet and is left out. */
const WORTH_GZIP = 1024;

/** A {@link Call} over `fetch`. Redirections are not followed: the key would be handed to whoever they point at. */
export function fetchCall(fetch: typeof globalThis.fetch): Call {
  return async (url, request, signal) => {
    const response = await fetch(url, { ...request, signal, redirect: "manual" });
    return { status: response.status, retryAfter: response.headers.get("retry-after") ?? undefined, text: await response.text() };
  };
}

/** A {@link Post} over `fetch`. */
export function fetchPost(fetch: typeof globalThis.fetch): Post {
  const call = fetchCall(fetch);
  return (url, headers, body, signal) => call(url, { method: "POST", headers, body }, signal);
}

/** gzip by the platform's own stream. Next's Edge runtime has none, and warns at build time of whoever names it. */
export const streamGzip: Gzip = async (bytes) => {
  const Stream = Reflect.get(globalThis, "CompressionStream") as typeof CompressionStream;
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new Stream("gzip"))).arrayBuffer());
};

/**
 * Carries batches to a collector: `POST /v1/commands`, NDJSON as it stands in the outbox, gzip when it pays (`architecture.md` §8).
 *
 * @example
 * const transport = httpTransport({ url: "http://127.0.0.1:8787", key: "local", post: fetchPost(fetch), gzip: streamGzip });
 */
export function httpTransport({ url, key, post, gzip }: { url: string; key: string; post: Post; gzip: Gzip }): Transport {
  const address = `${url.replace(/\/+$/, "")}/v1/commands`;
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/x-ndjson" };
  const valid = /^https?:\/\//i.test(url) && URL.canParse(url);
  return async (batch: Batch, signal): Promise<Verdict> => {
    if (!valid) return { type: "retry", after: MAX_RETRY_AFTER, code: "KM_URL_INVALID", detail: url };
    const bytes = batch.bytes;
    const packed = bytes.length < WORTH_GZIP ? undefined : await gzip(bytes).catch(() => undefined);
    const answer = await post(
      address,
      packed === undefined ? headers : { ...headers, "content-encoding": "gzip" },
      packed ?? bytes,
      signal,
    );
    const word = verdict(answer.status, answer.retryAfter, Date.now());
    // A portal, a placeholder or a wrong url: it has taken nothing, whatever its status says.
    if (word.type === "accepted" && /^\s*</.test(answer.text)) return verdict(404, undefined, Date.now());
    return word.type === "accepted" ? { ...word, refused: refusalsOf(answer.text) } : word;
  };
}

/** The refused lines in a collector's answer. An answer that is none of ours refuses nothing. */
function refusalsOf(text: string): Refusal[] {
  if (!text.includes('"rejected"') || text.includes('"rejected":[]')) return [];
  try {
    const { rejected } = JSON.parse(text) as { rejected?: unknown };
    if (!Array.isArray(rejected)) return [];
    return rejected.filter((one): one is Refusal => typeof one?.index === "number" && typeof one?.code === "string");
  } catch {
    return [];
  }
}
