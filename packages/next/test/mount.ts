import { AsyncLocalStorage } from "node:async_hooks";
import { createServer, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { ask, type Mount } from "@kmkit/testkit";
import type { NextRequest } from "next/server.js";
import type { Suite, Visit } from "./suiteapp/suite.ts";

type Runtime = "nodejs" | "edge";

const require = createRequire(import.meta.url);
const visits = new AsyncLocalStorage<OneVisit>();
const suite: Suite = { mounts: new Map(), visit: () => visits.getStore(), clock: () => Date };
/** What handlers threw, on purpose or because their client had left. */
const thrown = new WeakSet<object>();

/** Starts the built `suiteapp` in this process, so that its handlers can be the tests' own functions. */
export async function startNext(runtime: Runtime): Promise<Mount> {
  Object.assign(AsyncLocalStorage, { suite });
  // What a platform offers to Next: https://nextjs.org/docs/app/api-reference/functions/after
  Object.assign(globalThis, { [Symbol.for("@next/request-context")]: { get: () => visits.getStore() } });
  Object.assign(process.env, { NODE_ENV: "production" });
  quieten();
  const next = require("next") as typeof import("next")["default"];
  const app = next({ dir: fileURLToPath(new URL("suiteapp", import.meta.url)), dev: false, customServer: true });
  await silently(() => app.prepare());
  const handle = app.getRequestHandler();

  const mount: Mount = {
    start(setup) {
      const id = String(suite.mounts.size);
      suite.mounts.set(id, setup);
      const seen = new Set<OneVisit>();
      const server = createServer((request, response) => {
        request.headers["x-mount"] = id;
        if (runtime === "edge") request.headers["x-edge"] = "1";
        const visit = new OneVisit(runtime, response);
        seen.add(visit);
        visit.answered = visits.run(visit, () => handle(request, response));
      });
      const settled = async () => {
        await new Promise((resolve) => setImmediate(resolve));
        await Promise.all([...seen].map(async (visit) => (await visit.over()) && seen.delete(visit)));
      };
      return { server, settled };
    },
    header: (native, name) => (native as NextRequest).headers.get(name) ?? undefined,
    httpError: (status) => Object.assign(new Error("on purpose"), { status }),
  };
  await load(mount);
  return mount;
}

/** One request, as the platform sees it that Next runs on. */
class OneVisit implements Visit {
  answered: Promise<void> = Promise.resolve();
  readonly waitUntil = (work: Promise<unknown>): void => void this.held.add(work);
  private readonly edge: boolean;
  private readonly held = new Set<Promise<unknown>>();
  private handling = false;

  constructor(runtime: Runtime, response: ServerResponse) {
    this.edge = runtime === "edge";
    response.once("close", () => response.headersSent || this.forgotten());
  }

  begins(): void {
    this.handling = true;
  }

  ends(): void {
    this.handling = false;
  }

  throws(cause: object): void {
    thrown.add(cause);
    // Not by `redirect()` or `notFound()`.
    if (!("digest" in cause)) this.forgotten();
  }

  /** Waits until it is over; false where its handler has not answered yet, but the client has left: for Next that request goes on. */
  async over(): Promise<boolean> {
    if (this.handling) return false;
    await Promise.all([this.answered, ...this.held]);
    return true;
  }

  /** On the edge Next never comes to what `after()` was asked for, when the handler has thrown and when the client has left before the answer. */
  private forgotten(): void {
    if (this.edge) this.held.clear();
  }
}

/** Next's own, which cannot be loaded before Next has made its surroundings. */
export const navigation = (): typeof import("next/navigation.js") => require("next/navigation");

/** The first request evaluates the route: only then does our code listen for those that come. */
async function load(mount: Mount): Promise<void> {
  const { server } = await mount.start({ km: {} as never, routes: [] });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  await ask(`http://localhost:${(server.address() as AddressInfo).port}`, { method: "OPTIONS" });
  server.close();
}

/** Next says how long it took to read its configuration. */
async function silently(work: () => Promise<void>): Promise<void> {
  const { log } = console;
  console.log = () => {};
  await work();
  console.log = log;
}

/** Next prints what handlers throw. */
function quieten(): void {
  const print = console.error;
  console.error = (...said: unknown[]) => {
    if (!said.some((one) => typeof one === "object" && one !== null && thrown.has(one))) print(...said);
  };
}
