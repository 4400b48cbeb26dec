import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Km, mintAnonymous, openRequest, recorder } from "../src/index.ts";
import { claimOf, readPair } from "../src/pair.ts";
import { type Hand, hand, Jar, pageLoad } from "./exchange.ts";

const names = ["bob@bob.com", "bill@bob.com", "ann@bob.com"];

/** What may happen to a browser, in any order. `now`: the answer is finished and arrives at once; otherwise the request stays in flight. */
type Act =
  | (Ask & { do: "request"; record: boolean; says: boolean; cacheable: boolean; alias: boolean })
  | (Ask & { do: "login"; name: number; record: boolean; cacheable: boolean })
  | (Ask & { do: "logout"; known: boolean })
  | { do: "expire"; browser: number }
  | { do: "head"; request: number }
  | { do: "close"; request: number; finished: boolean; arrives: boolean }
  | { do: "lose"; browser: number; what: "claim" | "identity" | "all" }
  | { do: "forge"; browser: number; how: number }
  | { do: "day" };

interface Ask {
  browser: number;
  now: boolean;
  page: boolean;
  proxy: Proxy;
}
/** A page may stand behind a proxy of ours that cannot see its answer: in the same process, or with a memory of its own (an edge runtime). */
type Proxy = "none" | "beside" | "apart";

const oneIn = (n: number) => fc.nat(n - 1).map((drawn) => drawn === 0);
const browser = oneIn(4).map(Number);
const proxy = fc.constantFrom<Proxy>("none", "beside", "apart");
const now = oneIn(4).map((flying) => !flying);
const kinds = <T extends string>(kind: T) => fc.constant(kind);
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: kinds("request"),
      browser,
      now,
      proxy,
      page: fc.boolean(),
      record: fc.boolean(),
      says: oneIn(4).map((not) => !not),
      cacheable: oneIn(6),
      alias: oneIn(12),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: kinds("login"),
      browser,
      now,
      proxy,
      name: fc.nat(2),
      record: fc.boolean(),
      cacheable: oneIn(6),
      page: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: kinds("logout"), browser, now, proxy, known: oneIn(4).map((not) => !not), page: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: kinds("expire"), browser }) },
  { weight: 1, arbitrary: fc.record({ do: kinds("head"), request: fc.nat(5) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: kinds("close"),
      request: fc.nat(5),
      finished: oneIn(3).map((not) => !not),
      arrives: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: kinds("lose"), browser, what: fc.constantFrom("claim" as const, "identity" as const, "all" as const) }),
  },
  { weight: 1, arbitrary: fc.record({ do: kinds("forge"), browser, how: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.constant({ do: "day" as const }) },
);

interface Flying {
  browser: Browser;
  /** The cookies that the proxy has put on the answer. */
  before: readonly string[];
  hand: Hand;
  km: Km;
  /** The name that this request may be the very first of: its answer decides whose the anonymous identity is. */
  first: string | undefined;
  headed: boolean;
}

interface Browser {
  jar: Jar;
  session: string | null | undefined;
}

/** Plays a history and gives the aliases sent and every line of cookies written. */
function play(acts: readonly Act[]): { aliases: [string, string][]; written: string[] } {
  const rec = recorder();
  const apart = recorder();
  const browsers: Browser[] = [0, 1].map(() => ({ jar: new Jar(), session: undefined }));
  const flying: Flying[] = [];
  const written: string[] = [];
  const start = (browser: Browser, { page, proxy }: Ask, cacheable: boolean, says: string | null | undefined): Flying => {
    const native = { says };
    const options = { identity: (from: typeof native) => from.says };
    let cookie = browser.jar.header;
    let before: readonly string[] = [];
    if (page && proxy !== "none") {
      const given = hand({ headers: { ...pageLoad, cookie }, blind: true });
      const km = openRequest(proxy === "apart" ? apart.client : rec.client, options, native, given.exchange);
      cookie = km.forwarded(cookie) ?? cookie;
      given.head();
      given.close(false);
      before = given.cookies;
    }
    const given = hand({
      method: page ? "GET" : "POST",
      headers: { ...(page ? pageLoad : {}), cookie },
      answer: page && cacheable ? { "cache-control": "public, max-age=60" } : {},
    });
    const km = openRequest(rec.client, options, native, given.exchange);
    const request = {
      browser,
      before,
      hand: given,
      km,
      first: typeof says === "string" && !isHis(browser, says) ? says : undefined,
      headed: false,
    };
    flying.push(request);
    return request;
  };
  const close = (request: Flying | undefined, finished: boolean, arrives: boolean) => {
    if (request === undefined) return;
    flying.splice(flying.indexOf(request), 1);
    // A finished answer has had its headers written; an aborted one perhaps not.
    if (finished && !request.headed) request.hand.head();
    request.hand.close(finished);
    const lines = [...request.before, ...request.hand.cookies];
    written.push(...lines);
    // What is finished arrives; of what was aborted perhaps the headers.
    if (finished || arrives) request.browser.jar.take(lines);
  };
  const chosen = (index: number) => flying[index % Math.max(1, flying.length)];
  for (const one of acts) {
    const browser = browsers["browser" in one ? one.browser : 0] as Browser;
    let request: Flying | undefined;
    if (one.do === "request") {
      request = start(browser, one, one.cacheable, one.says ? browser.session : undefined);
      if (one.record) request.km.record("Viewed");
      if (one.alias && typeof browser.session === "string" && one.says) request.km.alias(browser.session);
    } else if (one.do === "login") {
      const name = names[one.name] as string;
      // What stays open, and is said so: a session that passes from one name to another while the first name's first request is in flight.
      if (flying.some((other) => other.browser === browser && other.first !== undefined && other.first !== name)) continue;
      browser.session = name;
      request = start(browser, one, one.cacheable, null);
      request.first = isHis(browser, name) ? undefined : name;
      request.km.identify(name);
      if (one.record) request.km.record("Logged In");
    } else if (one.do === "logout") {
      request = start(browser, one, false, browser.session);
      request.km.record("Logged Out");
      browser.session = one.known ? null : undefined;
      if (one.known) request.km.identify(null);
    } else if (one.do === "expire") browser.session = undefined;
    else if (one.do === "day") vi.setSystemTime(Date.now() + 86_400_000);
    else if (one.do === "head") {
      const head = chosen(one.request);
      if (head !== undefined && !head.headed) head.hand.head();
      if (head !== undefined) head.headed = true;
    } else if (one.do === "close") close(chosen(one.request), one.finished, one.arrives);
    else if (one.do === "lose") {
      if (one.what !== "identity") browser.jar.cookies.delete("km_claim");
      if (one.what !== "claim") browser.jar.cookies.delete("km_ai");
    } else forge(browser.jar, one.how);
    if ("now" in one && one.now) close(request, true, true);
  }
  const aliases = [...rec.commands, ...apart.commands].flatMap((command) =>
    command.type === "alias" ? [[command.identity, command.alias] as [string, string]] : [],
  );
  return { aliases, written };
}

/** Whether the browser's anonymous identity is this name's already. */
function isHis({ jar }: Browser, name: string): boolean {
  const pair = readPair(jar.header, "local");
  return pair !== undefined && pair.claim === claimOf("local", pair.anonymous, name);
}

/** Cookies that somebody writes who knows no secret: he may invent an identity, but not guess one that another browser holds. */
function forge({ cookies }: Jar, how: number): void {
  const invented = mintAnonymous();
  if (how === 0) cookies.set("km_ai", invented);
  if (how === 1) cookies.set("km_ai", invented).set("km_claim", `${invented.slice(-8)}.-.20000`);
  if (how === 2) cookies.set("km_ai", invented).set("km_claim", `${invented.slice(-8)}.0123456789ab.20000`);
  if (how === 3) cookies.set("km_ai", "bob@bob.com");
  if (how === 4) cookies.set("km_claim", "%E0%A4%A");
  if (how === 5) cookies.set("km_claim", "00000000.-.20000");
}

/** The names that each set of tied identities holds. */
function namesTied(aliases: readonly [string, string][]): Map<string, Set<string>> {
  const parent = new Map<string, string>();
  const root = (identity: string): string => {
    const up = parent.get(identity) ?? identity;
    return up === identity ? identity : root(up);
  };
  for (const [a, b] of aliases) parent.set(root(a), root(b));
  const sets = new Map<string, Set<string>>();
  for (const name of names) {
    const top = root(name);
    sets.set(top, (sets.get(top) ?? new Set()).add(name));
  }
  return sets;
}

describe("any history of two browsers and three names", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1) }));
  afterEach(() => void vi.useRealTimers());
  const runs = Number(process.env.KMKIT_HISTORIES ?? 3000);

  it("never makes two named identities one person, and never puts a name in a cookie", () => {
    fc.assert(
      fc.property(fc.array(act, { minLength: 4, maxLength: 40 }), (acts) => {
        const { aliases, written } = play(acts);
        for (const tied of namesTied(aliases).values()) expect([...tied]).toHaveLength(1);
        for (const line of written) for (const name of names) expect(decodeURIComponent(line)).not.toContain(name.slice(0, 4));
      }),
      { numRuns: runs },
    );
  }, 300_000);

  it("keeps the anonymous past of whoever logs in with an untouched jar", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ page: fc.boolean(), record: fc.boolean() }), { maxLength: 6 }),
        fc.boolean(),
        fc.nat(2),
        (before, page, which) => {
          const rec = recorder();
          const jar = new Jar();
          const request = (isPage: boolean, work: (km: Km) => void) => {
            const given = hand({ method: isPage ? "GET" : "POST", headers: { ...(isPage ? pageLoad : {}), cookie: jar.header } });
            work(openRequest(rec.client, {}, {}, given.exchange));
            given.head();
            given.close(true);
            jar.take(given.cookies);
          };
          for (const one of before) request(one.page, (km) => one.record && km.record("Viewed"));
          const past = new Set(rec.commands.map((command) => command.identity));
          expect(past.size).toBeLessThanOrEqual(1);
          const name = names[which] as string;
          request(page, (km) => km.identify(name));
          const tied = rec.commands.filter((command) => command.type === "alias").map((command) => command.identity);
          for (const identity of past) expect(tied).toContain(identity);
        },
      ),
    );
  });
});
