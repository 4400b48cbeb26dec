import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Client, Km, RequestOptions } from "@kmkit/core";

/**
 * The options that the suite hands to `km()`. They are handed on as they are: the callbacks get the framework's own request or context, and the
 * suite looks at it with {@link Mount.header}, or knows it again because it is the same object as {@link Turn.native}.
 */
export type MountOptions = RequestOptions<unknown> & { client: Client };

/** An answer whose end is open. It begins at the latest when the handler has returned. */
export interface Stream {
  write(chunk: string): void;
  end(): void;
}

/** One request in the hands of the app's handler: what every framework can do, in its own way. A missing optional member is a capability that it lacks. */
export interface Turn {
  /** Where the handler finds it: `req.km`, `ctx.km`, `c.var.km`. */
  readonly km: Km;
  /** The very object that the options' callbacks get. */
  readonly native: object;
  /** A request header by its lower-case name. */
  header(name: string): string | undefined;
  /** The body of a form (`application/x-www-form-urlencoded`), read with what the framework's users read it with. */
  form(): Promise<Record<string, string>>;
  /** The session of the framework's usual store as it is now; undefined where there is none. Asked again after {@link Turn.regenerate}. */
  readonly session: Record<string, unknown> | undefined;
  /** As a login library does it: another id, nothing in it. */
  regenerate(): Promise<void>;
  /** As a log out does it. */
  destroy(): Promise<void>;
  /** Set a response header in the framework's way; a list is several lines. */
  setHeader(name: string, value: string | string[]): void;
  /** Set a cookie in the framework's way, beside those that it has set already. */
  cookie(name: string, value: string): void;
  /** Answer with a text; default status 200. The last thing that a handler does. */
  send(text: string, status?: number): void;
  /** Answer with 302, in the framework's way. */
  redirect(path: string): void;
  /** Answer with a stream, in the framework's way; the handler may return while it is open. */
  stream(): Stream;
  /** The Node response beneath, where there is one: the app may set headers there, and the framework answers. */
  readonly raw?: ServerResponse | undefined;
  /** The app answers by itself on the Node response (`ctx.respond = false`, `reply.hijack()`): writeHead, write, end. */
  takeOver?(): ServerResponse;
}

export interface Route {
  /** A GET route is to answer HEAD as well, as every framework's router does. */
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** An exact path such as `/login`, below {@link Setup.prefix}. */
  readonly path: string;
  /** May throw, at once or later: the mount leaves that to the framework. */
  handle(turn: Turn): void | Promise<void>;
}

/** The app that a test wants. Requests that no route is for are the framework's (404). */
export interface Setup {
  readonly km: MountOptions;
  readonly routes: readonly Route[];
  /** Mount the framework's usual session, before or after `km()`. Default: none. It keeps nothing for strangers (`saveUninitialized: false`). */
  readonly sessions?: "before" | "after";
  /** Put `km()`, session and routes into a sub-app under this path (`/shop`). */
  readonly prefix?: string;
  /** Believe `X-Forwarded-Proto` and `X-Forwarded-Host`. Default false. */
  readonly trustProxy?: boolean;
  /** Mount `km()` twice, and with a prefix once more in the app above. */
  readonly twice?: boolean;
}

/** An app that is ready to listen; the suite lets it listen on a free port and closes it. */
export interface Running {
  /** Not listening yet (`http.createServer(app.callback())`, Fastify's `app.server` after `ready()`). A fetch-only runtime has one in front of it. */
  readonly server: Server;
  /** What else must be awaited until the commands of answers that are over are there (`waitUntil`). Default: nothing. */
  settled?(): Promise<void>;
  /** What else is to be closed. */
  close?(): Promise<void>;
}

/** What an adapter's test writes, once a framework: see `packages/express/test/mount.ts`. */
export interface Mount {
  /** Builds an app. Errors that handlers throw are answered by the framework itself, and not printed. */
  start(setup: Setup): Running | Promise<Running>;
  /** A request header of what the options' callbacks get. */
  header(native: object, name: string): string | undefined;
  /** The error by which an app of this framework answers with a status (`ctx.throw(418)`, `new HTTPException(418)`). */
  httpError(status: number): unknown;
  /** Runs `km()` alone, as for a web socket: the handshake's request, and in place of a response an object that is none. Then asks for the request's km. */
  bare?(options: MountOptions, request: IncomingMessage, response: object): Km | Promise<Km>;
}
