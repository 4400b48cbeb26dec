import http, { type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { type Command, derive, type KmCode, type Recorder, recorder } from "@kmkit/core";
import express5, { type Application } from "express";
import session from "express-session";
import express4 from "express4";
import { onTestFinished } from "vitest";

export type Express = typeof express5;
/** Both versions that the adapter is for: `describe.each(versions)("%s", (_, express) => …)`. */
export const versions: [string, Express][] = [
  ["Express 4", express4],
  ["Express 5", express5],
];

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** The `Set-Cookie` lines. */
  cookies: string[];
  /** Those of them that are ours. */
  ours: string[];
  text: string;
}

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** One request on a connection of its own. */
export function ask(url: string, { method = "GET", headers = {}, body }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => {
        const cookies = response.headers["set-cookie"] ?? [];
        const ours = cookies.filter((line) => line.startsWith("km_"));
        resolve({ status: response.statusCode ?? 0, headers: response.headers, cookies, ours, text });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** What Chrome sends with a navigation, with a script's call, and for an image. */
export const kinds = {
  page: { accept: "text/html,application/xhtml+xml,*/*;q=0.8", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" },
  call: { accept: "*/*", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" },
  image: { accept: "image/avif,image/*", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" },
};

/** A browser with a cookie jar: it honours `Path`, `Domain`, `Max-Age` (0 expires), `Secure` (on http it is dropped) and sends what fits. */
export class Browser {
  readonly jar = new Map<string, { name: string; value: string; path: string; until: number }>();
  private readonly url: string;
  private readonly headers: Record<string, string>;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.url = url;
    this.headers = headers;
  }

  /** Keep the cookies of an answer. */
  take(answer: Answer): Answer {
    const https = this.headers["x-forwarded-proto"] === "https";
    for (const line of answer.cookies) {
      const [pair = "", ...rest] = line.split(/;\s*/);
      const [name = "", value = ""] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      const attributes = new Map(rest.map((part) => part.split("=")).map(([key = "", text = ""]) => [key.toLowerCase(), text]));
      if (attributes.has("secure") && !https) continue;
      const path = attributes.get("path") || "/";
      const key = `${attributes.get("domain") ?? ""} ${path} ${name}`;
      const maxAge = attributes.get("max-age");
      const until = maxAge === undefined ? Number.POSITIVE_INFINITY : Date.now() + Number(maxAge) * 1000;
      if (until <= Date.now()) this.jar.delete(key);
      else this.jar.set(key, { name, value, path, until });
    }
    return answer;
  }

  /** The `Cookie` header for a path. */
  cookie(path = "/"): string {
    const fits = [...this.jar.values()].filter((one) => path.startsWith(one.path) && one.until > Date.now());
    return fits.map(({ name, value }) => `${name}=${value}`).join("; ");
  }

  /** Send a request, and do not look at its cookies yet. */
  ask(path: string, options: Ask = {}, kind: keyof typeof kinds = "page"): Promise<Answer> {
    const cookie = this.cookie(path);
    const headers = { ...kinds[kind], ...(cookie === "" ? {} : { cookie }), ...this.headers, ...options.headers };
    return ask(this.url + path, { ...options, headers });
  }

  async page(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.take(await this.ask(path, { headers }));
  }

  async form(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.take(await this.ask(path, { method: "POST", headers }));
  }

  async call(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
    return this.take(await this.ask(path, { method, headers }, "call"));
  }

  async image(path: string): Promise<Answer> {
    return this.take(await this.ask(path, {}, "image"));
  }

  value(name: string): string | undefined {
    return [...this.jar.values()].find((one) => one.name === name)?.value;
  }

  /** The anonymous identity that the jar holds. */
  get anonymous(): string {
    return decodeURIComponent(this.value("km_ai") ?? "");
  }

  /** Its claim, as the companion says: `-` free, `?` in doubt, else somebody's. */
  get claim(): string | undefined {
    const [tail, claim] = decodeURIComponent(this.value("km_claim") ?? "").split(".");
    return tail === this.anonymous.slice(-8) ? claim : undefined;
  }

  /** Put a cookie in, as another program would. */
  put(name: string, value: string): void {
    this.jar.set(` / ${name}`, { name, value, path: "/", until: Number.POSITIVE_INFINITY });
  }
}

/** What the companion says where a name has claimed an anonymous identity. */
export const claimOf = (anonymous: string, name: string, key = "local"): string =>
  derive("claim", key, anonymous, name).replaceAll("-", "").slice(0, 12);

/** Commands as one line each: `bob: Viewed Page`, `A = bob`, `bob {"Plan":"Pro"}`. */
export const told = (commands: Command[]): string[] =>
  commands.map((one) => {
    if (one.type === "alias") return `${one.identity} = ${one.alias}`;
    return one.type === "record" ? `${one.identity}: ${one.name}` : `${one.identity} ${JSON.stringify(one.properties)}`;
  });

/** Who is one person by these commands: the identities that aliases tie, each group sorted, people in the order of their first command. */
export function people(commands: readonly Command[]): string[][] {
  const groups: Set<string>[] = [];
  for (const one of commands) {
    const ids = one.type === "alias" ? [one.identity, one.alias] : [one.identity];
    const met = groups.filter((group) => ids.some((id) => group.has(id)));
    const [first = new Set<string>(), ...rest] = met;
    if (met.length === 0) groups.push(first);
    for (const id of [...ids, ...rest.flatMap((group) => [...group])]) first.add(id);
    for (const group of rest) groups.splice(groups.indexOf(group), 1);
  }
  return groups.map((group) => [...group].sort());
}

/** An app that listens, and what its middleware has recorded. */
export class Shop {
  readonly rec: Recorder;
  readonly url: string;
  private readonly server: http.Server;
  private underWay = 0;

  constructor(server: http.Server, rec: Recorder) {
    this.server = server;
    this.rec = rec;
    this.url = `http://localhost:${(server.address() as AddressInfo).port}`;
    // After the app's own listener: when this one hears 'close', the middleware has heard it.
    server.on("request", (_, response) => {
      this.underWay += 1;
      response.on("close", () => {
        this.underWay -= 1;
        if (this.underWay === 0) server.emit("quiet");
      });
    });
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

  async quiet(): Promise<void> {
    if (this.underWay > 0) await new Promise((resolve) => this.server.once("quiet", resolve));
    // What was recorded after the end is put at the end of the tick.
    await new Promise((resolve) => setImmediate(resolve));
  }

  browser(headers?: Record<string, string>): Browser {
    return new Browser(this.url, headers);
  }
}

/** Builds an app of this version and lets it listen until the test is over. */
export async function open(express: Express, build: (app: Application, rec: Recorder) => void): Promise<Shop> {
  const app = express();
  const rec = recorder();
  // The handlers that throw here do so on purpose.
  app.set("env", "test");
  build(app, rec);
  const server = http.createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  const shop = new Shop(server, rec);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return shop;
}

/** A session middleware as apps have it: nothing is kept for strangers. */
export const sessions = (options: Partial<session.SessionOptions> = {}) =>
  session({ secret: "cat", resave: false, saveUninitialized: false, ...options });
