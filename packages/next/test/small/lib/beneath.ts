import type { AsyncLocalStorage } from "node:async_hooks";

/** Whether Node's own response is known in this request: not, if the request came before the package was loaded. */
export function isWhole(): boolean {
  const place = globalThis as { [key: symbol]: AsyncLocalStorage<unknown> | undefined };
  return place[Symbol.for("kmkit.next.beneath")]?.getStore() !== undefined;
}
