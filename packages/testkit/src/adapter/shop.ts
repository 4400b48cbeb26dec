import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type KmCode, type Recorder, type RequestOptions, recorder, type SessionIdentity } from "@kmkit/core";
import { onTestFinished } from "vitest";
import { Browser } from "./browser.ts";
import type { Mount, Route, Running, Setup, Turn } from "./mount.ts";
import { told } from "./people.ts";

/** What a test wants of an app: the setup, with the options apart from the client. */
export interface Wanted extends Omit<Setup, "km"> {
  readonly options?: RequestOptions<unknown>;
  /** Instead of a recorder's. */
  readonly client?: Setup["km"]["client"];
}

/** An app that listens, and what its middleware has recorded. */
export class Shop {
  readonly rec: Recorder;
  readonly server: Server;
  readonly url: string;
  private readonly running: Running;
  private underWay = 0;

  constructor(running: Running, rec: Recorder) {
    this.rec = rec;
    this.running = running;
    this.server = running.server;
    this.url = `http://localhost:${this.port}`;
    // After the app's own listener: when this one hears 'close', the middleware has heard it.
    this.server.on("request", (_request: IncomingMessage, response: ServerResponse) => {
      this.underWay += 1;
      response.on("close", () => {
        this.underWay -= 1;
        if (this.underWay === 0) this.server.emit("quiet");
      });
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The commands, once every response is over. */
  async heard(): Promise<string[]> {
    await this.quiet();
    return told(this.rec.commands);
  }

  /** The aliases among them. */
  async aliases(): Promise<string[]> {
    await this.quiet();
    return told(this.rec.commands.filter((one) => one.type === "alias"));
  }

  /** The codes that were reported. */
  get codes(): KmCode[] {
    return this.rec.errors.map((error) => error.code);
  }

  /** Until every response is over, and what was recorded has been put. */
  async quiet(): Promise<void> {
    if (this.underWay > 0) await once(this.server, "quiet");
    await this.running.settled?.();
    // What was recorded after the end is put at the end of the tick.
    await new Promise((resolve) => setImmediate(resolve));
  }

  browser(headers?: Readonly<Record<string, string>>): Browser {
    return new Browser(this.url, headers);
  }

  /** A browser that holds an anonymous identity of its own, claimed by whoever these headers name; what that took is forgotten. */
  async visitor(path: string, headers?: Readonly<Record<string, string>>): Promise<{ browser: Browser; a: string }> {
    const browser = this.browser();
    await browser.page(path, headers);
    await this.quiet();
    this.rec.clear();
    return { browser, a: browser.anonymous };
  }
}

/** Builds an app and lets it listen until the test is over. */
export async function openShop(mount: Mount, { options = {}, client, ...setup }: Wanted): Promise<Shop> {
  const rec = recorder();
  const running = await mount.start({ ...setup, km: { client: client ?? rec.client, ...options } });
  await new Promise<void>((resolve) => running.server.listen(0, "localhost", resolve));
  onTestFinished(async () => {
    running.server.closeAllConnections();
    running.server.close();
    await running.close?.();
  });
  return new Shop(running, rec);
}

export const get = (path: string, handle: Route["handle"]): Route => ({ method: "GET", path, handle });
export const post = (path: string, handle: Route["handle"]): Route => ({ method: "POST", path, handle });

/** A page that records nothing. */
export const silent: Route = get("/silent", (turn) => turn.send("silent"));
/** A page that records, and tells who its visitor is. */
export const seen: Route = get("/seen", (turn) => {
  turn.km.record("Seen");
  turn.send(turn.km.identity);
});

/** Says who is logged in: the header `x-user` names them, `null` means nobody, `false` does not count, without it nothing is known. */
export const byHeader =
  (mount: Mount) =>
  (native: unknown): SessionIdentity => {
    const user = mount.header(native as object, "x-user");
    return user === "null" ? null : user === "false" ? false : user;
  };

/** A log in by a form, and the log out, with nothing but our calls. */
export const logIn: Route = post("/login", async (turn) => {
  turn.km.identify((await turn.form()).name ?? "");
  turn.km.record("Logged In");
  turn.redirect("/seen");
});
export const logOut: Route = post("/logout", (turn) => {
  turn.km.identify(null);
  turn.redirect("/seen");
});

/** Something that a test waits for. */
export function gate<T = void>(): { promise: Promise<T>; open(value: T | Promise<T>): void } {
  let open: (value: T | Promise<T>) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open: (value) => open(value) };
}

/** A capability that a mount lacks fails the test, until the suite is told to skip it and why. */
export function need<T>(capability: T | undefined, name: string): T {
  if (capability === undefined) throw new Error(`the mount has no ${name}: skip this test, with the reason`);
  return capability;
}

/** The Node response that the app takes over. */
export const takeOver = (turn: Turn): ServerResponse => need(turn.takeOver, "takeOver").call(turn);
