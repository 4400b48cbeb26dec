import type { Answer, Browser } from "./browser.ts";

/** A shared cache in front of a shop, keyed by path (RFC 9111 in short): says whether an answer came out of it. */
export class SharedCache {
  private readonly held = new Map<string, { answer: Answer; until: number }>();

  async page(browser: Browser, path: string): Promise<Answer & { hit: boolean }> {
    const held = this.held.get(path);
    if (held !== undefined && held.until > Date.now()) return { ...browser.take(held.answer), hit: true };
    const etag = held?.answer.headers.etag;
    const answer = await browser.ask(path, { headers: etag === undefined ? {} : { "if-none-match": etag } });
    const whole =
      answer.status === 304 && held !== undefined
        ? { ...held.answer, cookies: [...held.answer.cookies, ...answer.cookies], ours: [...held.answer.ours, ...answer.ours] }
        : answer;
    this.keep(path, { ...whole, headers: { ...whole.headers, ...answer.headers } });
    return { ...browser.take(whole), hit: answer.status === 304 };
  }

  private keep(path: string, answer: Answer): void {
    const [own, targeted] = [answer.headers["cache-control"], answer.headers["cdn-cache-control"] ?? answer.headers["surrogate-control"]];
    const told = String(targeted ?? answer.headers["cloudflare-cdn-cache-control"] ?? own ?? "").toLowerCase();
    if (/\b(private(?!=)|no-store)\b/.test(told)) return void this.held.delete(path);
    const seconds = /s-maxage="?(\d+)/.exec(told)?.[1] ?? /max-age="?(\d+)(?!.*max-age)/.exec(told)?.[1];
    const expires = Date.parse(String(answer.headers.expires));
    const until =
      seconds !== undefined ? Date.now() + Number(seconds) * 1000 : told === "immutable" ? Number.POSITIVE_INFINITY : expires || 0;
    this.held.set(path, { answer, until });
  }

  /** The cookies of ours that it holds, and would hand to anybody. */
  get cookies(): string[] {
    return [...this.held.values()].flatMap(({ answer }) => answer.ours);
  }
}
