import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { Client } from "@kmkit/next";
import next from "next";
import { dir } from "./start.ts";

// The built app in this process, instead of `next start`. It is told where it listens, as after a redirect() in an action it asks itself for the page.
const server = createServer().listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;
const app = next({ dir, dev: false, quiet: true, hostname: "127.0.0.1", port });
await app.prepare();
const handle = app.getRequestHandler();

export const url = `http://127.0.0.1:${port}`;
export const listener: RequestListener = (request, response) => void handle(request, response);
server.on("request", listener);

export async function close(): Promise<void> {
  server.close();
  await app.close();
}

/** Not before: what stands on next/headers must find what Next's server puts on the global object. */
export const { recorder } = await import("@kmkit/next");

const clients = Symbol.for("kmkit.next.clients");
/** What the bundles of the app share with each other, and with a test in the same process. */
const shared = globalThis as { [clients]?: Map<string, Client>; blueHour?: unknown };
/** The client of an app that names neither url nor key nor outbox, as `lib/km.ts` does not. */
const unnamed = JSON.stringify([undefined, undefined, undefined]);

/** From now on the app records through this client, and remembers nothing of before. */
export function startAnew(client: Client): void {
  shared[clients] = new Map([[unnamed, client]]);
  delete shared.blueHour;
}
