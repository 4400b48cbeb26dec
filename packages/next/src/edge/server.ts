import { type Client, type Exchange, type Km, openRequest } from "@kmkit/core";
import { after } from "next/server.js";
import { type NextNative, type NextOptions, SessionAnswer } from "./options.ts";
import { type Rendered, RenderingKm } from "./rendering.ts";

/** What components share, by the object that `headers()` gives throughout one request. */
const opened = new WeakMap<object, Rendered & { readonly session: SessionAnswer }>();

/** The visitor of a component or an action where there is no Node response: it can read our cookies but not write them. */
export async function openWeb(native: NextNative, options: NextOptions, client: () => Client, rendering: boolean): Promise<Km> {
  let visit = opened.get(native.headers);
  if (visit === undefined) {
    const session = new SessionAnswer(options);
    const exchange = new ReadOnlyExchange(native.headers, () => client().safe());
    visit = { km: openRequest(client(), session.request, native, exchange), client: client(), rendered: new Set(), session };
    opened.set(native.headers, visit);
  }
  await visit.session.ask(options, native, client);
  return rendering ? new RenderingKm(visit, options.navigation === true || isPage(native.headers)) : visit.km;
}

/** Next keeps from components that they are rendered for a client-side navigation; the browser says that a script asks. */
function isPage(headers: NextNative["headers"]): boolean {
  return headers.get("sec-fetch-dest") !== "empty" && !headers.has("next-action");
}

/** Fills in core's seam for a place that sees the request's headers and nothing else. */
class ReadOnlyExchange implements Exchange {
  readonly method = "GET";
  readonly secure = true;
  private readonly list: NextNative["headers"];
  private readonly safe: () => Promise<void>;

  constructor(list: NextNative["headers"], safe: () => Promise<void>) {
    this.list = list;
    this.safe = safe;
  }

  get url(): string {
    return this.list.get("next-url") ?? "(a component or an action)";
  }

  header(name: string): string | undefined {
    return this.list.get(name) ?? undefined;
  }

  after(work: (finished: () => boolean) => void): void {
    after(async () => {
      work(() => true);
      await this.safe();
    });
  }

  answered(): undefined {}
  setCookie(): void {}
  setHeader(): void {}
  session(): undefined {}
  headers(): void {}
  ending(): void {}
}
