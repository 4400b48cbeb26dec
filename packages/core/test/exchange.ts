import type { Exchange } from "../src/index.ts";

/** An answer as a browser would get it, driven by hand: a filling of core's seam without a framework. */
export interface Hand {
  readonly exchange: Exchange;
  /** The `Set-Cookie` lines so far. */
  readonly cookies: string[];
  readonly answer: Map<string, string>;
  session: Record<string, unknown> | undefined;
  /** The app ends its answer: headers are written. */
  head(): void;
  /** The response is over. */
  close(finished: boolean): void;
}

export interface Given {
  method?: string;
  url?: string;
  secure?: boolean;
  headers?: Record<string, string | undefined>;
  /** Headers of the app's answer. */
  answer?: Record<string, string>;
  session?: Record<string, unknown>;
  /** As a proxy that hands the answer on and is done. */
  blind?: boolean;
  mute?: boolean;
}

export const pageLoad: Record<string, string> = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

export function hand(given: Given = {}): Hand {
  const heads: (() => void)[] = [];
  const ends: (() => void)[] = [];
  const afters: ((finished: () => boolean) => void)[] = [];
  const cookies: string[] = [];
  const answer = new Map(Object.entries(given.answer ?? {}));
  const self: Hand = {
    cookies,
    answer,
    session: given.session,
    exchange: {
      blind: given.blind ?? false,
      mute: given.mute ?? false,
      method: given.method ?? "GET",
      url: given.url ?? "/",
      secure: given.secure ?? false,
      header: (name) => given.headers?.[name],
      answered: (name) => answer.get(name),
      setCookie: (line) => void cookies.push(line),
      setHeader: (name, value) => void answer.set(name, value),
      session: () => self.session,
      headers: (work) => void heads.push(work),
      ending: (work) => void ends.push(work),
      after: (work) => void afters.push(work),
    },
    head: () => {
      for (const work of ends.splice(0)) work();
      for (const work of heads.splice(0)) work();
    },
    close: (finished) => {
      for (const work of afters.splice(0)) work(() => finished);
    },
  };
  return self;
}

/** A browser's cookie jar for one site: takes `Set-Cookie` lines, gives a `Cookie` header. */
export class Jar {
  readonly cookies: Map<string, string> = new Map();

  take(lines: readonly string[]): void {
    for (const line of lines) {
      const [pair = ""] = line.split(";");
      const at = pair.indexOf("=");
      if (/max-age=0/i.test(line)) this.cookies.delete(pair.slice(0, at));
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
  }

  get header(): string | undefined {
    return this.cookies.size === 0 ? undefined : [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }
}
