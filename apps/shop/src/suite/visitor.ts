import { type IncomingHttpHeaders, request } from "node:http";

/** An answer of the shop. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Request headers; an undefined one is left out. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** A browser without a window: it keeps cookies and says what a browser says. Not fetch, which calls itself no page load, as it is none. */
export class Visitor {
  readonly cookies: Map<string, string> = new Map();
  private readonly shop: string;

  constructor(shop: string) {
    this.shop = shop;
  }

  /** Opens a page, as a click on a link does, and follows where it leads. */
  async open(path: string): Promise<Answer> {
    return this.follow(await this.send("GET", path));
  }

  /** Sends a form of the shop's own, and follows where it leads. */
  async submit(path: string, fields: Readonly<Record<string, string>>): Promise<Answer> {
    return this.follow(await this.post(path, fields));
  }

  /** Sends a form and stays. */
  async post(path: string, fields: Readonly<Record<string, string>>, headers: Headers = {}): Promise<Answer> {
    return this.send("POST", path, headers, new URLSearchParams(fields));
  }

  private follow(answer: Answer): Answer | Promise<Answer> {
    return answer.headers.location === undefined ? answer : this.open(answer.headers.location);
  }

  protected async send(method: string, path: string, headers: Headers = {}, form?: URLSearchParams | FormData): Promise<Answer> {
    const url = new URL(path, this.shop);
    if (url.origin !== this.shop) throw new Error(`the shop sends its visitor away, to ${url}`);
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const encoded = form && new Response(form);
    const body = new Uint8Array((await encoded?.arrayBuffer()) ?? []);
    const said: Headers = {
      accept: "text/html,application/xhtml+xml",
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "document",
      cookie: cookie || undefined,
      ...(encoded && {
        origin: this.shop,
        "sec-fetch-site": "same-origin",
        "content-type": encoded.headers.get("content-type") ?? undefined,
        "content-length": String(body.length),
      }),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(url, {
        method,
        headers: Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)),
      });
      outgoing.once("error", reject);
      outgoing.once("response", async (incoming) => {
        this.keep(incoming.headers["set-cookie"] ?? []);
        const text = (await incoming.setEncoding("utf8").toArray()).join("");
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text });
      });
      outgoing.end(body);
    });
  }

  private keep(lines: readonly string[]): void {
    for (const line of lines) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }
}
