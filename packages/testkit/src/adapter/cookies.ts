import { expect } from "vitest";
import { ask, kinds } from "./browser.ts";
import { claimOf } from "./people.ts";
import { byHeader, get, logIn, openShop, seen, silent } from "./shop.ts";
import type { Suite } from "./suite.ts";

const page = kinds.page;
const A = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f85c4";
const B = "0199f0c0-8c1e-7a3b-9d53-5b1f6f2f3a73";
/** The attributes of one of our cookies, in lower case, without its value. */
const attributes = (line = "") =>
  line
    .split(/;\s*/)
    .slice(1)
    .map((part) => part.toLowerCase())
    .sort();

/** How our cookies are written, where `km()` is mounted, and what browsers send back. */
export function cookies(suite: Suite): void {
  const { it, mount } = suite;

  suite.describe("our cookies", () => {
    it("are for the whole host, hidden from scripts, Lax, for 400 days, and without Secure on http", async () => {
      const shop = await openShop(mount, { routes: [get("/a/b", (turn) => turn.send("hi"))] });
      const { ours } = await ask(`${shop.url}/a/b`, { headers: page });
      expect(ours.map((line) => line.split("=")[0])).toEqual(["km_ai", "km_claim"]);
      for (const line of ours) expect(attributes(line)).toEqual(["httponly", "max-age=34560000", "path=/", "samesite=lax"]);
    });

    for (const trustProxy of [false, true]) {
      it(`behind an https proxy that is ${trustProxy ? "trusted: Secure" : "not trusted: without Secure"}, one visitor`, async () => {
        const shop = await openShop(mount, { trustProxy, routes: [silent] });
        const browser = shop.browser({ "x-forwarded-proto": "https" });
        const { ours } = await browser.page("/silent");
        expect(ours.map((line) => attributes(line).includes("secure"))).toEqual([trustProxy, trustProxy]);
        const a = browser.anonymous;
        expect((await browser.page("/silent")).cookies).toEqual([]);
        expect(browser.anonymous).toBe(a);
      });
    }

    const domain = ".shop.example";
    it("the domain option is ignored on localhost, IP addresses and other hosts, with one report each", async () => {
      for (const host of ["localhost:3000", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:3000", "shop.example.evil"]) {
        const shop = await openShop(mount, { options: { cookie: { domain } }, routes: [silent] });
        const first = await ask(`${shop.url}/silent`, { headers: { ...page, host } });
        const second = await ask(`${shop.url}/silent`, { headers: { ...page, host } });
        for (const line of [...first.ours, ...second.ours]) expect(line).not.toMatch(/domain/i);
        expect([host, first.ours.length, second.ours.length, ...shop.codes]).toEqual([host, 2, 2, "KM_COOKIE_DOMAIN_IGNORED"]);
      }
    });

    it("the domain option holds on its hosts, and the host-only twin goes", async () => {
      const cookie = { domain, httpOnly: false, sameSite: "none", maxAge: 60 } as const;
      const shop = await openShop(mount, { options: { cookie }, routes: [silent] });
      const { ours } = await ask(`${shop.url}/silent`, { headers: { ...page, host: "www.shop.example:3000" } });
      const [shared, twins] = [ours.filter((line) => /domain/i.test(line)), ours.filter((line) => !/domain/i.test(line))];
      expect(shared).toHaveLength(2);
      expect(twins.map((line) => line.split("=")[0])).toEqual(expect.arrayContaining(["km_ai", "km_claim"]));
      for (const line of shared) {
        expect(attributes(line)).toEqual(["domain=shop.example", "max-age=60", "path=/", "samesite=none", "secure"]);
      }
      for (const line of twins) expect(line).toMatch(/^km_\w+=;.*Max-Age=0/i);
      expect(shop.codes).toEqual([]);
    });

    for (const trustProxy of [false, true]) {
      it(`X-Forwarded-Host ${trustProxy ? "counts" : "means nothing"} where ${trustProxy ? "a" : "no"} proxy is trusted`, async () => {
        const shop = await openShop(mount, { trustProxy, options: { cookie: { domain } }, routes: [silent] });
        const headers = { ...page, host: "127.0.0.1:3000", "x-forwarded-host": "www.shop.example" };
        const { ours } = await ask(`${shop.url}/silent`, { headers });
        expect(ours.filter((line) => /Domain=shop\.example/i.test(line))).toHaveLength(trustProxy ? 2 : 0);
        expect(shop.codes).toEqual(trustProxy ? [] : ["KM_COOKIE_DOMAIN_IGNORED"]);
      });
    }

    it("in a sub-app they are still for the whole host, and reports name the url that was asked for", async () => {
      const shop = await openShop(mount, { prefix: "/shop", routes: [seen] });
      const browser = shop.browser();
      const { ours } = await browser.call("/shop/seen?x=1");
      for (const line of ours) expect(attributes(line)).toContain("path=/");
      expect(shop.rec.errors.map((error) => error.detail)).toEqual(["GET /shop/seen"]);
      await browser.page("/shop/seen");
      expect(await shop.heard()).toEqual([`${browser.anonymous}: Seen`, `${browser.anonymous}: Seen`]);
    });

    for (const [where, prefix] of [
      ["in the app", undefined],
      ["in the app and in a sub-app", "/shop"],
    ] as const) {
      it(`mounted twice ${where} everything counts once`, async () => {
        const place = prefix === undefined ? {} : { prefix };
        const shop = await openShop(mount, { ...place, twice: true, routes: [seen, silent, logIn] });
        const below = prefix ?? "";
        expect((await shop.browser().page(`${below}/seen`)).ours).toHaveLength(2);
        expect(await shop.heard()).toHaveLength(1);
        const { browser, a } = await shop.visitor(`${below}/silent`);
        expect((await browser.form(`${below}/login`, { name: "bob" })).ours).toHaveLength(2);
        expect(await shop.heard()).toEqual([`${a} = bob`, "bob: Logged In"]);
      });
    }

    it("a cookie option that cannot be written throws nothing into the app", async () => {
      const shop = await openShop(mount, { options: { cookie: { path: "/;evil\r\n" } }, routes: [seen] });
      const answer = await ask(`${shop.url}/seen`, { headers: page });
      expect([answer.status, answer.ours]).toEqual([200, []]);
      await shop.quiet();
      expect(shop.codes).toContain("KM_INTERNAL");
    });
  });

  suite.describe("what browsers send", () => {
    const today = Math.floor(Date.now() / 86_400_000);
    const free = `km_claim=${A.slice(-8)}.-.${today}`;
    const open = () => openShop(mount, { options: { identity: byHeader(mount) }, routes: [seen] });

    for (const [what, cookie] of [
      ["broken neighbours", `promo=50% off; x=%E0%A4%A; km_ai=${A}; y=%C0%80; z="a;b; ${free}`],
      ["an 8 KB neighbour", `big=${"x".repeat(8000)}; km_ai=${A}; ${free}`],
      ["a broken twin first", `km_ai=; km_ai=%E0%A4%A; km_ai=bob@bob.com; km_ai=${A}; ${free}`],
      ["a valid twin behind", `km_ai=${A}; km_ai=${B}; ${free}; km_claim=${B.slice(-8)}.-.${today}`],
      ["a companion of another before its own", `km_claim=${B.slice(-8)}.-.${today}; km_ai=${A}; ${free}`],
      ["quotes", `km_ai="${A}"; ${free}`],
      ["names that only look like ours", `xkm_ai=${B}; km_aix=${B}; km_ai=${A}; km_ai2=${B}; ${free}`],
    ]) {
      it(`${what}: recognised, no new cookie, nothing said`, async () => {
        const shop = await open();
        const answer = await ask(`${shop.url}/seen`, { headers: { ...page, cookie: cookie as string } });
        expect([answer.status, answer.cookies]).toEqual([200, []]);
        expect([await shop.heard(), shop.codes]).toEqual([[`${A}: Seen`], []]);
      });
    }

    for (const [what, forged] of [
      ["a name", "bob@bob.com"],
      ["a UUIDv4, which apps use as user ids", "7c9e6679-7425-40de-944b-e07fc1f90ae7"],
      ["upper case", A.toUpperCase()],
      ["8 KB", "x".repeat(8000)],
      ["an encoded name", "%62ob"],
      ["the nil UUID", "00000000-0000-0000-0000-000000000000"],
      ["something with a line break", `${A}%0d%0aSet-Cookie:%20x=1`],
    ] as const) {
      it(`a forged km_ai (${what}) is not taken; the visitor is new`, async () => {
        const shop = await open();
        const answer = await ask(`${shop.url}/seen`, { headers: { ...page, cookie: `km_ai=${forged}; ${free}` } });
        expect(answer.ours).toHaveLength(2);
        expect(answer.ours[0]).not.toContain(forged);
        expect((await shop.heard())[0]).not.toContain(forged);
        expect(shop.codes).toEqual([]);
      });
    }

    for (const [what, companion] of [
      ["a forged claim of bob's", `${A.slice(-8)}.000000000000.${today}`],
      ["the claim that another key would make", `${A.slice(-8)}.${claimOf(A, "bob", "other key")}.${today}`],
      ["junk", "x".repeat(8000)],
      ["empty", ""],
      ["a day that is no day", `${A.slice(-8)}.-.9999999`],
    ]) {
      it(`a companion that is ${what} merges nothing: bob gets an identity of his own`, async () => {
        const shop = await open();
        const headers = { ...page, "x-user": "bob", cookie: `km_ai=${A}; km_claim=${companion}` };
        const answer = await ask(`${shop.url}/seen`, { headers });
        expect(answer.ours[0]).not.toContain(A);
        expect((await shop.heard()).join()).not.toContain(A);
        expect(await shop.aliases()).toHaveLength(1);
      });
    }
  });
}
