import type { Client, Exchange } from "@kmkit/core";
import { after } from "next/server.js";

/**
 * On a platform that stops the process after the answer, asks it by Next's `after()`, or by a proxy's `waitUntil`, to go on until the commands are safe. A durable outbox needs no
 * such thing: there they are on disk as soon as the answer is over.
 */
export function hold(client: Client, exchange: Exchange, waitUntil: (work: Promise<void>) => void = after): void {
  if (client.outbox.durable) return;
  const over = new Promise<void>((resolve) => exchange.after(() => resolve()));
  try {
    waitUntil(over.then(() => client.safe()));
  } catch {
    // Outside of a request of Next's: nobody can be asked.
  }
}
