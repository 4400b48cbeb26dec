import { channel } from "node:diagnostics_channel";

const kinds = ["SIGTERM", "SIGINT", "exit", "beforeExit", "uncaughtException", "warning"];

/** What this process holds of ours: listeners, what stands on the global object. */
export function POST(): Response {
  const place = globalThis as { [key: symbol]: unknown };
  const requests = channel("http.server.request.start") as unknown as { _subscribers?: unknown[] };
  return Response.json({
    process: process.pid,
    listeners: Object.fromEntries(kinds.map((kind) => [kind, process.listenerCount(kind)])),
    subscribers: requests._subscribers?.length,
    globals: Object.getOwnPropertySymbols(globalThis)
      .map((symbol) => symbol.description ?? "")
      .filter((name) => name.startsWith("kmkit"))
      .sort(),
    clients: ["kmkit.clients", "kmkit.next.clients"].map((name) => (place[Symbol.for(name)] as Map<string, unknown> | undefined)?.size),
  });
}
