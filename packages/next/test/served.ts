import { join } from "node:path";
import { type Answer, ask, type Browser, kinds, type Receiver, startReceiver } from "@kmkit/testkit";
import { actionCall, actionForm, directory, heard, type Launched, launch, nextOf, quiet } from "./launch.ts";

/** A built app: the folder it was built in, and the folder of what was built. */
export interface Built {
  readonly name: string;
  readonly folder: string;
  readonly dist: string;
  /** Its middleware runs on Edge: what it says by a name's alias waits until the browser brings the claim back. */
  readonly edge?: boolean;
}

const app = join(import.meta.dirname, "app");
const on15 = join(import.meta.dirname, "../../../apps/with-next15/copy");

/** The builds of the suite's app; see build.sh, and that of apps/with-next15. */
export const builds: readonly Built[] = [
  { name: "Next 16, Turbopack", folder: app, dist: ".next" },
  { name: "Next 16, webpack", folder: app, dist: ".next-webpack" },
  { name: "Next 15, middleware on Node", folder: on15, dist: ".next" },
  { name: "Next 15, middleware on Edge", folder: on15, dist: ".next-edge", edge: true },
];

/** `next start` on a built app, with an outbox of its own and the receiver of its commands. */
export interface Served extends Launched {
  readonly receiver: Receiver;
  /** The commands since the last `clear`, once it is quiet. */
  heard(): Promise<string[]>;
  /** What the server has written, without Next's banner and without the errors that the app throws on purpose. */
  said(): string;
  /** A browser that holds a free identity of its own; what that took is forgotten. */
  visitor(headers?: Readonly<Record<string, string>>): Promise<{ browser: Browser; a: string }>;
  /** Submits the form of `/act`, as a browser without scripts (`form`) or as the page's script (`call`) does. */
  act(browser: Browser, how: "form" | "call", fields?: Readonly<Record<string, string>>, path?: string): Promise<Answer>;
  /** Open a gate of `app/lib/gate.ts`, or wait until the app has. */
  gate(what: "open" | "wait", name: string): Promise<unknown>;
  stop(): Promise<void>;
}

export async function serve({ folder, dist }: Built): Promise<Served> {
  const receiver = await startReceiver();
  const outbox = directory();
  const server = await launch({
    folder,
    // With an address, Next takes each rewrite of a proxy for one to another server.
    run: [nextOf(folder), "start", "-H", "localhost"],
    env: { DIST: dist, START: "1", KMKIT_URL: receiver.url, KMKIT_OUTBOX: outbox.path },
  });
  let page: Promise<Answer> | undefined;
  return {
    ...server,
    receiver,
    heard: () => heard(server, receiver),
    said: () => known.reduce((text, own) => text.replaceAll(own, ""), server.log()).trim(),
    async visitor(headers) {
      page ??= ask(`${server.url}/act`, { headers: kinds.page });
      await page;
      const browser = server.browser(headers);
      await browser.page("/static");
      await quiet(server);
      receiver.clear();
      return { browser, a: browser.anonymous };
    },
    async act(browser, how, fields = {}, path = "/act") {
      if (page === undefined) throw new Error("a visitor() comes before their act()");
      const { kind, ...options } = (how === "form" ? actionForm : actionCall)((await page).text, "act", server.url, fields);
      return browser.take(await browser.ask(path, options, kind));
    },
    gate: (what, name) => fetch(`${server.url}/api/gate?${what}=${encodeURIComponent(name)}`, { method: "POST" }),
    async stop() {
      await server.end();
      await receiver.close();
      outbox.remove();
    },
  };
}

/** What a server of Next's writes by itself. */
const known = [
  /^ *▲ Next\.js .*$/gm,
  /^ *- (Local|Network): .*$/gm,
  /^ *✓ (Starting|Ready|Running next\.config).*$/gm,
  // An error with its stack and its digest.
  /^ *(⨯ )?Error: on purpose\n( +at .*\n)*( +digest: .*\n\}\n)?/gm,
  // Next 15 about clients that leave (tried without us).
  /^( ⨯ uncaughtException: +)?\[Error: aborted\] \{ code: 'ECONNRESET' \}$/gm,
  /^ ⨯ \[TypeError: controller\[kState\]\.transformAlgorithm is not a function\] \{\n +digest: .*\n\}$/gm,
];

/** The identity that a page shows, and what else stands there. */
export const seen = (answer: Answer): string =>
  /id="seen">(.*?)<\/p>/.exec(answer.text)?.[1]?.replaceAll("<!-- -->", "").trim() ?? "(nothing)";

/** Anything that looks like an identity of ours. */
export const identities = /[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** What Next's client sends for a navigation; follows the redirect to where an answer may be cached. */
export async function navigate(browser: Browser, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const options = { headers: { rsc: "1", ...headers } };
  const first = await browser.ask(path, options, "call");
  const to = first.headers.location ?? "";
  const answer = first.status === 307 && to.includes("_rsc") ? await browser.ask(to.replace(/^http:..[^/]+/, ""), options, "call") : first;
  return { ...browser.take(answer), cookies: [...first.cookies, ...answer.cookies], ours: [...first.ours, ...answer.ours] };
}
