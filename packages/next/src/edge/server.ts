import { type Client, type Exchange, type Km, openRequest } from "@kmkit/core";
import { after } from "next/server.js";
import { type NextNative, type NextOptions, SessionAnswer } from "./options.ts";

/** One Km a request, by the object that `headers()` gives throughout it. */
const opened = new WeakMap<object, Km>();

/** The visitor of a component or an action where there is no Node response: it can read our cookies but not write them. */
export async function openWeb(native: NextNative, options: NextOptions, client: () => Client): Promise<Km> {
  const known = opened.get(native.headers);
  if (known !== undefined) return known;
  const session = new SessionAnswer(options);
  await session.ask(options, native, client);
  const km = openRequest(client(), session.request, native, new ReadOnlyExchange(native.headers, () => client().safe()));
  opened.set(native.headers, km);
  return km;
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

  after(work: (finished: boolean) => void): void {
    after(async () => {
      work(true);
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
