import { beforeEach, describe, expect, it } from "vitest";
import { openRequest, type Recorder, recorder } from "../src/index.ts";
import { hand, Jar, pageLoad } from "./exchange.ts";

let rec: Recorder;
let jar: Jar;
beforeEach(() => {
  rec = recorder();
  jar = new Jar();
});
const aliases = () => rec.commands.filter(({ type }) => type === "alias");
const identity = (name: string | undefined) => ({ identity: () => name });

/** A page load through a proxy that cannot see its answer, and on to the page; `arrives`: what both have set reaches the browser. */
function load(name: string | undefined, { arrives = true, finished = arrives }: { arrives?: boolean; finished?: boolean } = {}) {
  const first = hand({ headers: { ...pageLoad, cookie: jar.header }, blind: true });
  const proxy = openRequest(rec.client, identity(name), {}, first.exchange);
  const cookie = proxy.forwarded(jar.header) ?? jar.header;
  first.head();
  first.close(false);
  const page = hand({ headers: { ...pageLoad, cookie } });
  const km = openRequest(rec.client, identity(name), {}, page.exchange);
  km.record("Viewed");
  page.head();
  page.close(finished);
  if (arrives) jar.take([...first.cookies, ...page.cookies]);
  return { proxy, km, cookie, lines: [...first.cookies, ...page.cookies] };
}

describe("a proxy of ours in front of a page, which cannot see whether its answer arrives", () => {
  it("gives the page the identity that it puts into the browser", () => {
    const { km, cookie } = load(undefined);
    expect(cookie).toContain(`km_ai=${km.identity}`);
    expect(jar.header).toContain(`km_ai=${km.identity}`);
    expect(rec.commands).toMatchObject([{ name: "Viewed", identity: km.identity }]);
    expect(load(undefined).lines).toEqual([]);
  });

  it("keeps the other cookies of the request, takes the place of ours, and leaves a request alone where it sets nothing", () => {
    const given = hand({ headers: { ...pageLoad, cookie: "theme=dark; km_ai=junk; km_new=1; x=%E0%A4%A" } });
    const km = openRequest(rec.client, {}, {}, given.exchange);
    const cookie = km.forwarded("theme=dark; km_ai=junk; km_new=1; x=%E0%A4%A");
    expect(cookie).toMatch(/^km_ai=[0-9a-f-]{36}; km_claim=[0-9a-f]{8}\.-\.\d+; km_new=1; theme=dark; x=%E0%A4%A$/);
    const call = hand({ method: "POST", headers: { cookie: "theme=dark" } });
    expect(openRequest(rec.client, {}, {}, call.exchange).forwarded("theme=dark")).toBeUndefined();
  });

  it("alone in front of static pages: a name's alias is sent when the browser has brought its claim back, and not before", () => {
    const proxied = () => {
      const given = hand({ headers: { ...pageLoad, cookie: jar.header }, blind: true });
      openRequest(rec.client, identity("bob"), {}, given.exchange);
      given.head();
      given.close(true);
      jar.take(given.cookies);
    };
    proxied();
    expect(aliases()).toEqual([]);
    proxied();
    expect(aliases()).toMatchObject([{ alias: "bob" }]);
    proxied();
    expect(aliases()).toHaveLength(1);
  });

  it("the page behind it sends the alias at once, since it sees the answer arrive", () => {
    load("bob");
    expect(aliases()).toMatchObject([{ alias: "bob" }]);
  });

  it("an alias owed from an answer that was lost is not paid by the pair that the proxy has put there", () => {
    load(undefined);
    // The page's own answer claims, and is lost: the alias is owed.
    load("bob", { arrives: false });
    load("bob", { arrives: false });
    expect(aliases()).toEqual([]);
    load("bill");
    expect(aliases()).toMatchObject([{ alias: "bill" }]);
  });
});

describe("an answer whose cookies the browser never sees, as that of a request that Next makes to itself", () => {
  const muted = (name: string | null | undefined, cookie = jar.header) => {
    const given = hand({ headers: { cookie }, mute: true });
    const km = openRequest(rec.client, { identity: () => name }, {}, given.exchange);
    km.record("Viewed");
    given.close(false);
  };

  it("records for whom the browser knows or the app names, and for nobody who would have to be minted", () => {
    muted(undefined);
    expect(rec.commands).toEqual([]);
    expect(rec.client.stats().leftOut).toEqual({ rendering: 1 });
    const { km } = load(undefined);
    rec.clear();
    muted(undefined);
    muted("bob");
    // The log out calls for a new identity, which cannot be told.
    jar.take([`km_claim=${km.identity.slice(-8)}.0123456789ab.20000`]);
    muted(null);
    expect(rec.commands.map(({ identity }) => identity)).toEqual([km.identity, "bob"]);
    expect(aliases()).toEqual([]);
  });
});
