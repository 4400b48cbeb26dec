import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import type { Mount } from "@kmkit/testkit";
import { createHandler, EdgeRuntime } from "edge-runtime";
import type { Context } from "hono";
import { build, type Rollup } from "vite";

const packages = fileURLToPath(new URL("../..", import.meta.url));

/** One script, as a fetch-only platform takes it: with everything in it, and nothing of Node's. */
export async function bundle(entry: string): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    resolve: { alias: [{ find: /^@kmkit\/([a-z]+)$/, replacement: `${packages}$1/src/index.ts` }] },
    build: {
      write: false,
      minify: false,
      target: "es2022",
      lib: { entry: fileURLToPath(new URL(entry, import.meta.url)), formats: ["iife"], name: "app" },
    },
  });
  return (built as Rollup.RollupOutput[])[0]?.output[0].code ?? "";
}

/** A runtime that has evaluated a script, with these globals in it. */
export function startEdge(initialCode: string, globals: object): EdgeRuntime {
  return new EdgeRuntime({
    initialCode,
    extend: (context) => {
      // The runtime's own clock cannot be turned by a test.
      Object.defineProperty(context, "Date", { get: () => Date });
      return Object.assign(context, globals);
    },
  });
}

/** The runtime's own handler, which does not notice that a client has left before the next chunk; platforms cancel the body at once. */
async function serve(runtime: EdgeRuntime, request: IncomingMessage, response: ServerResponse, held: Set<Promise<unknown>>): Promise<void> {
  const dispatchFetch: EdgeRuntime["dispatchFetch"] = async (input, init) => {
    const answer = await runtime.dispatchFetch(input, init);
    const work = answer.waitUntil();
    held.add(work);
    void work.finally(() => held.delete(work));
    const reader = answer.body?.getReader();
    response.once("close", () => void reader?.cancel());
    if (response.destroyed) await reader?.cancel();
    const { status, statusText, headers } = answer;
    const body = reader === undefined ? null : { getReader: () => reader, cancel: () => reader.cancel() };
    return { status, statusText, headers, body, waitUntil: () => work } as unknown as typeof answer;
  };
  const { handler } = createHandler({
    runtime: { dispatchFetch, evaluate: (code: string) => runtime.evaluate(code), context: runtime.context } as EdgeRuntime,
  });
  await handler(request, response);
}

/** Hono on a fetch-only runtime, as the suite of all adapters sees it. */
export function mountOf(initialCode: string): Mount {
  return {
    start(setup) {
      const runtime = startEdge(initialCode, { setup });
      const held = new Set<Promise<unknown>>();
      const server = createServer((request, response) => {
        serve(runtime, request, response, held).catch(() => void response.destroy());
      });
      const settled = async () => {
        await new Promise((resolve) => setImmediate(resolve));
        await Promise.all(held);
      };
      return { server, settled };
    },
    header: (native, name) => (native as Context).req.header(name),
    // Made out here, where there is another Hono: an HTTPException in there would not know it for one of its own.
    httpError: (status) => Object.assign(new Error("on purpose"), { status }),
  };
}
