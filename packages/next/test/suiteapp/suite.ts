import type { Setup } from "@kmkit/testkit";

/** What the test puts there for the app: it stands on a class of Node's that Next shares with its Edge sandbox, a realm of its own. */
export interface Suite {
  /** The apps that tests want, by the header `x-mount`. */
  readonly mounts: Map<string, Setup>;
  /** The request that this is about. */
  visit(): Visit | undefined;
  /** The test's clock, which may be a turned one. */
  clock(): DateConstructor;
}

/** One request. */
export interface Visit {
  /** The handler begins. */
  begins(): void;
  /** The handler has answered. */
  ends(): void;
  /** The handler has thrown, on purpose or because its client has left. */
  throws(thrown: object): void;
}

export const { suite } = (globalThis as unknown as { AsyncLocalStorage: { suite?: Suite } }).AsyncLocalStorage;
