import http, { type IncomingHttpHeaders } from "node:http";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The `Set-Cookie` lines. */
  readonly cookies: readonly string[];
  /** Those of them that are ours. */
  readonly ours: readonly string[];
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Leave when the answer has begun: after its headers and, where there is one, the first part of its body. */
  readonly leave?: boolean;
}

/** One request on a connection of its own. */
export function ask(url: string, { method = "GET", headers = {}, body, leave = false }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false }, (response) => {
      let text = "";
      const answer = () => {
        const cookies = response.headers["set-cookie"] ?? [];
        const ours = cookies.filter((line) => line.startsWith("km_"));
        resolve({ status: response.statusCode ?? 0, headers: response.headers, cookies, ours, text });
      };
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        text += chunk;
        if (!leave) return;
        answer();
        request.destroy();
      });
      response.on("error", reject);
      response.on("end", answer);
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** What Chrome sends with a navigation, with a script's call, and for an image. */
export const kinds: Readonly<Record<"page" | "call" | "image", Readonly<Record<string, string>>>> = {
  page: { accept: "text/html,application/xhtml+xml,*/*;q=0.8", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" },
  call: { accept: "*/*", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" },
  image: { accept: "image/avif,image/*", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" },
};

/** A browser with a cookie jar: it honours `Path`, `Domain`, `Max-Age` (0 expires), `Secure` (on http it is dropped) and sends what fits. */
export class Browser {
  readonly jar: Map<string, { name: string; value: string; path: string; until: number }> = new Map();
  private readonly url: string;
  private readonly headers: Readonly<Record<string, string>>;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.url = url;
    this.headers = headers;
  }

  /** Keep the cookies of an answer. Throws where a claim comes without the identity that it is about: with late answers that ties two people. */
  take(answer: Answer): Answer {
    const claim = /^km_claim=(.{8})\./m.exec(answer.ours.join("\n"))?.[1];
    if (claim !== undefined && !answer.ours.some((line) => line.startsWith("km_ai=") && line.split(";")[0]?.endsWith(claim))) {
      throw new Error(`km_claim without its km_ai: ${answer.ours.join(", ")}`);
    }
    const https = this.headers["x-forwarded-proto"] === "https";
    for (const line of answer.cookies) {
      const [pair = "", ...rest] = line.split(/;\s*/);
      const [name = "", value = ""] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      const attributes = new Map(rest.map((part) => part.split("=")).map(([key = "", text = ""]) => [key.toLowerCase(), text]));
      if (attributes.has("secure") && !https) continue;
      const path = attributes.get("path") || "/";
      const key = `${attributes.get("domain") ?? ""} ${path} ${name}`;
      const [maxAge, expires] = [attributes.get("max-age"), attributes.get("expires")];
      const end = maxAge !== undefined ? Date.now() + Number(maxAge) * 1000 : Date.parse(expires ?? "");
      if (end <= Date.now()) this.jar.delete(key);
      else this.jar.set(key, { name, value, path, until: end || Number.POSITIVE_INFINITY });
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

  async page(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.take(await this.ask(path, { headers }));
  }

  /** Submit a form: a navigation by POST. */
  async form(path: string, fields: Readonly<Record<string, string>> = {}, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.take(await this.ask(path, formOf(fields, headers)));
  }

  async call(path: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Promise<Answer> {
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

  /** Lose a cookie. */
  lose(lost: (name: string) => boolean): void {
    for (const [key, { name }] of [...this.jar]) if (lost(name)) this.jar.delete(key);
  }
}

/** The request of a form, as {@link ask} takes it. */
export function formOf(fields: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}): Ask {
  const type = { "content-type": "application/x-www-form-urlencoded" };
  return { method: "POST", headers: { ...type, ...headers }, body: new URLSearchParams(fields).toString() };
}
