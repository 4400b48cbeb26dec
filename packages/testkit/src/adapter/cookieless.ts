import { expect } from "vitest";
import { byHeader, get, logIn, openShop, post, type Shop, seen, silent } from "./shop.ts";
import type { Suite } from "./suite.ts";

const A = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f85c4";
const B = "0199f0c0-8c1e-7a3b-9d53-5b1f6f2f3a73";
const bob = { "x-user": "bob" };

/** Clients without cookies: a mobile app that brings its identity, bearer tokens, webhooks, forms of other sites. No alias storm. */
export function cookieless(suite: Suite): void {
  const { it, mount } = suite;
  const alias = post("/alias", (turn) => {
    turn.km.alias(turn.header("x-alias") ?? "");
    turn.send("done");
  });
  const mobile = (): Promise<Shop> =>
    openShop(mount, {
      options: { identity: byHeader(mount), anonymous: (native) => mount.header(native as object, "x-device") },
      routes: [seen, silent, logIn, alias],
    });

  suite.describe("a mobile app that brings its identity itself", () => {
    it("no cookies; the alias goes once, not with every call", async () => {
      const shop = await mobile();
      const app = shop.browser({ "x-device": A });
      expect((await app.call("/seen")).cookies).toEqual([]);
      for (let call = 0; call < 5; call += 1) expect((await app.call("/seen", bob)).cookies).toEqual([]);
      expect(await shop.heard()).toEqual([`${A}: Seen`, `${A} = bob`, ...Array(5).fill("bob: Seen")]);
      expect(shop.codes).toEqual([]);
    });

    it("by identify() the alias goes as well", async () => {
      const shop = await mobile();
      expect((await shop.browser({ "x-device": A }).form("/login", { name: "bob" })).ours).toEqual([]);
      expect(await shop.heard()).toEqual([`${A} = bob`, "bob: Logged In"]);
    });

    it("a second name on the same device is not tied, and the app is told", async () => {
      const shop = await mobile();
      const app = shop.browser({ "x-device": A });
      await app.call("/seen", bob);
      await app.call("/seen", { "x-user": "bill" });
      expect(await shop.heard()).toEqual([`${A} = bob`, "bob: Seen", "bill: Seen"]);
      expect(new Set(shop.codes)).toEqual(new Set(["KM_ALIAS_CLAIMED"]));
    });

    it("by alias() it goes once; to a second name it is refused", async () => {
      const shop = await mobile();
      const app = shop.browser({ "x-device": A });
      for (const name of ["bob", "bob", "bill"]) await app.call("/alias", { "x-alias": name }, "POST");
      expect([await shop.heard(), shop.codes]).toEqual([[`${A} = bob`], ["KM_ALIAS_CLAIMED"]]);
    });

    it("what is no identity of ours is not taken", async () => {
      for (const device of ["bob", "7c9e6679-7425-40de-944b-e07fc1f90ae7", ""]) {
        const shop = await mobile();
        const browser = shop.browser({ "x-device": device });
        await browser.page("/seen");
        expect(await shop.heard()).toEqual([`${browser.anonymous}: Seen`]);
      }
    });

    it("where the option throws, the visitor is like any other, and it is reported", async () => {
      const anonymous = () => {
        throw new Error("on purpose");
      };
      const shop = await openShop(mount, { options: { anonymous }, routes: [seen] });
      const browser = shop.browser();
      expect((await browser.page("/seen")).status).toBe(200);
      expect([await shop.heard(), shop.codes]).toEqual([[`${browser.anonymous}: Seen`], ["KM_IDENTITY_FAILED"]]);
    });

    it("it goes before a cookie", async () => {
      const shop = await mobile();
      const browser = shop.browser({ "x-device": A });
      browser.put("km_ai", B);
      expect((await browser.page("/seen")).cookies).toEqual([]);
      expect(await shop.heard()).toEqual([`${A}: Seen`]);
    });
  });

  it("a bearer token names its owner call by call: no cookie, and not one alias", async () => {
    const tokens = new Map([["Bearer t1", "bob"]]);
    const shop = await openShop(mount, {
      options: { identity: (native) => tokens.get(mount.header(native as object, "authorization") ?? "") },
      routes: [seen, { ...seen, method: "POST" }],
    });
    const app = shop.browser({ authorization: "Bearer t1" });
    for (const method of ["GET", "POST", "GET", "POST"]) expect((await app.call("/seen", {}, method)).cookies).toEqual([]);
    const plain = shop.browser({ accept: "application/json", authorization: "Bearer t1" });
    expect((await plain.call("/seen")).cookies).toEqual([]);
    expect([await shop.heard(), shop.codes]).toEqual([Array(5).fill("bob: Seen"), []]);
  });

  it("a webhook records for whom it is about, by client.as(): no cookie, no visitor", async () => {
    const clients: { as(name: string): { record(name: string): void } }[] = [];
    const hook = post("/hook", async (turn) => {
      clients[0]?.as((await turn.form()).name ?? "").record("Paid");
      turn.send("thanks");
    });
    const shop = await openShop(mount, { routes: [hook] });
    clients.push(shop.rec.client);
    const stripe = shop.browser({ "user-agent": "Stripe/1.0", accept: "*/*" });
    const answer = stripe.ask(
      "/hook",
      { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: "name=bob" },
      "call",
    );
    expect((await answer).cookies).toEqual([]);
    expect([await shop.heard(), shop.codes]).toEqual([["bob: Paid"], []]);
  });

  suite.describe("a form that another site posts here, for which browsers hold Lax cookies back", () => {
    const foreign = { "sec-fetch-site": "cross-site", origin: "https://other.example" };

    it("a payment's return does not put a new identity in place of the visitor's", async () => {
      const paid = post("/back", (turn) => {
        turn.km.record("Paid");
        turn.redirect("/silent");
      });
      const shop = await openShop(mount, { routes: [paid, silent] });
      const { browser, a } = await shop.visitor("/silent");
      browser.take(await shop.browser().ask("/back", { method: "POST", headers: foreign }));
      expect(browser.anonymous).toBe(a);
      expect([(await shop.heard()).length, shop.codes]).toEqual([1, ["KM_VISITOR_UNKNOWN"]]);
    });

    it("a log in (SAML, Apple's form_post) is tied to the visitor's past by the next page", async () => {
      const login = post("/back", (turn) => {
        turn.km.identify("bob");
        turn.redirect("/silent");
      });
      const shop = await openShop(mount, {
        options: { identity: byHeader(mount) },
        routes: [login, silent, get("/", (turn) => turn.send(""))],
      });
      const { browser, a } = await shop.visitor("/silent");
      browser.take(await shop.browser().ask("/back", { method: "POST", headers: foreign }));
      await browser.page("/silent", bob);
      expect(browser.anonymous).toBe(a);
      expect(await shop.aliases()).toEqual([`${a} = bob`]);
    });
  });
}
