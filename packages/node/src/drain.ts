import type { Client } from "@kmkit/core";

/** How long to send at SIGTERM or SIGINT, in ms: the process ends within two seconds even if the collector hangs. */
const DRAIN = 1500;
/** How long a script that ends by itself may take to send, in ms. */
const LAST_WORD = 500;

/** Kept on the global object: bundlers and hot reloads make several copies of this module in one process. */
const installed = Symbol.for("kmkit.drain");

/**
 * Drains the clients when the process ends (`architecture.md` §7). On SIGTERM and SIGINT: send for at most 1.5 s; then, if ours is the only
 * listener, raise the signal again (a listener switches off Node's own exit), otherwise leave the exit to the app. However it ends, except by
 * SIGKILL, what waits is on disk before it does; after SIGKILL everything is there that was put some milliseconds before.
 */
export function drainAtEnd(clients: () => Client[]): void {
  const place = globalThis as { [installed]?: true };
  if (place[installed]) return;
  place[installed] = true;
  const spill = () => {
    for (const client of clients()) client.spill();
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    let draining = false;
    const listener = () => {
      const raise = () => {
        spill();
        process.removeListener(signal, listener);
        if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
        else process.on(signal, listener);
        draining = false;
      };
      // The second Ctrl-C means now.
      if (draining) return raise();
      draining = true;
      void Promise.allSettled(clients().map((client) => client.flush(DRAIN, "return"))).then(raise);
    };
    process.on(signal, listener);
  }
  let asked = false;
  process.on("beforeExit", () => {
    if (asked) return;
    asked = true;
    for (const client of clients()) if (client.stats().kept > 0) void client.flush(LAST_WORD, "return");
  });
  process.on("exit", spill);
}
