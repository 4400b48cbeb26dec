import { v7 } from "uuid";
import { describe, expect, it } from "vitest";
import { derive, isOurCookie, mintAnonymous } from "../src/identity.ts";
import { claimOf, DOUBT, FREE, type Pair, readPair, successor } from "../src/pair.ts";
import { type Situation, visitor } from "../src/visitor.ts";

const A = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f85c4";
const FRESH = "0199f0c0-8c1e-7a3b-9d53-5b1f6f3fa32c";
const [key, day, bob, bill] = ["secret", 20_000, "bob@bob.com", "bill@bob.com"];
const free: Pair = { anonymous: A, claim: FREE, day };
const bobs: Pair = { anonymous: A, claim: claimOf(key, A, bob), day };
const doubt: Pair = { anonymous: A, claim: DOUBT, day };
const ask = (given: Partial<Situation>) =>
  visitor({ pair: undefined, session: undefined, page: false, command: true, day, key, mint: () => FRESH, ...given });

describe("the table: who is this?", () => {
  it.each([null, undefined])("no cookie, session %s: a new anonymous identity, free", (session) => {
    expect(ask({ session })).toEqual({
      identity: FRESH,
      anonymous: true,
      pair: { anonymous: FRESH, claim: FREE, day },
      write: "pair",
      alias: false,
      fresh: true,
    });
  });

  it("no cookie, only asked who it is: the identity that would be minted, and nothing decided", () => {
    expect(ask({ command: false })).toMatchObject({ identity: FRESH, pair: undefined, write: false, fresh: false });
  });

  it("no cookie, bob, on a page load: bob, with a new identity that is his and tied to him", () => {
    expect(ask({ session: bob, page: true })).toEqual({
      identity: bob,
      anonymous: false,
      pair: { anonymous: FRESH, claim: claimOf(key, FRESH, bob), day },
      write: "pair",
      alias: true,
      fresh: true,
    });
  });

  it("no cookie, bob, on any other request: bob and nothing else, since a client without cookies would send an alias a call", () => {
    expect(ask({ session: bob })).toEqual({ identity: bob, anonymous: false, pair: undefined, write: false, alias: false, fresh: false });
  });

  it.each([null, undefined])("free, session %s: still the same", (session) => {
    expect(ask({ pair: free, session, page: true })).toEqual({
      identity: A,
      anonymous: true,
      pair: free,
      write: false,
      alias: false,
      fresh: false,
    });
  });

  it("free, bob: bob, and the identity is his now", () => {
    expect(ask({ pair: free, session: bob })).toEqual({
      identity: bob,
      anonymous: false,
      pair: bobs,
      write: "pair",
      alias: true,
      fresh: false,
    });
  });

  it("claimed by bob, bob: bob and nothing to do", () => {
    expect(ask({ pair: bobs, session: bob, page: true })).toEqual({
      identity: bob,
      anonymous: false,
      pair: bobs,
      write: false,
      alias: false,
      fresh: false,
    });
  });

  it("claimed by bob, bob, the first page load of another day: renewed, and the alias once more", () => {
    const old = { ...bobs, day: day - 1 };
    expect(ask({ pair: old, session: bob, page: true })).toMatchObject({ pair: bobs, write: "pair", alias: true });
    expect(ask({ pair: old, session: bob })).toMatchObject({ pair: old, write: false, alias: false });
  });

  it("claimed, session unknown: the anonymous identity, whose it is by alias", () => {
    expect(ask({ pair: bobs })).toMatchObject({ identity: A, anonymous: true, pair: bobs, write: false, alias: false });
  });

  it("claimed, nobody logged in: a fresh identity, free", () => {
    expect(ask({ pair: bobs, session: null })).toMatchObject({
      identity: FRESH,
      anonymous: true,
      pair: { anonymous: FRESH, claim: FREE },
      write: "pair",
      alias: false,
      fresh: true,
    });
    expect(ask({ pair: bobs, session: null, command: false })).toMatchObject({ identity: FRESH, pair: bobs, write: false });
  });

  it("claimed by bob, bill: an identity that can only be bill's takes its place, and bob's is left alone", () => {
    const row = ask({ pair: bobs, session: bill });
    const next = successor(key, bobs, bill);
    expect(row).toEqual({
      identity: bill,
      anonymous: false,
      pair: { anonymous: next, claim: claimOf(key, next, bill), day },
      write: "pair",
      alias: true,
      fresh: false,
    });
    expect(ask({ pair: bobs, session: bill })).toEqual(row); // parallel requests agree
  });

  it.each([null, undefined])("in doubt, session %s: still the same, and the doubt is written down", (session) => {
    expect(ask({ pair: { ...doubt, day: 0 }, session })).toMatchObject({ identity: A, pair: doubt, write: "pair", alias: false });
    expect(ask({ pair: doubt, session })).toMatchObject({ identity: A, pair: doubt, write: false });
  });

  it("in doubt, bob: nothing is merged", () => {
    const row = ask({ pair: doubt, session: bob });
    expect(row).toMatchObject({ identity: bob, write: "pair", alias: true });
    expect(row.pair?.anonymous).not.toBe(A);
  });

  it("a free pair is renewed once a day and without its claim, on page loads only", () => {
    const old = { ...free, day: day - 1 };
    expect(ask({ pair: old, page: true })).toMatchObject({ pair: free, write: "day" });
    expect(ask({ pair: old })).toMatchObject({ pair: old, write: false });
  });
});

describe("the pair in the cookies", () => {
  const read = (header: string) => readPair(header, key);
  const tail = A.slice(-8);

  it("reads what belongs together, and doubts what does not", () => {
    expect(read(`km_ai=${A}; km_claim=${tail}.-.${day}`)).toEqual(free);
    expect(read(`km_ai=${A}; km_claim=${tail}.${bobs.claim}.${day}`)).toEqual(bobs);
    expect(read(`km_ai=${A}; km_claim=${tail}.%3F.${day}`)).toEqual(doubt);
    expect(read(`km_ai=${A}`)).toMatchObject({ claim: DOUBT, day: 0 });
    expect(read(`km_ai=${A}; km_claim=00000000.-.${day}`)).toMatchObject({ claim: DOUBT });
    expect(read(`km_ai=${A}; km_claim=${tail}.bob.${day}`)).toMatchObject({ claim: DOUBT });
    expect(read(`km_ai=${A}; km_claim=${tail}.-.19000; km_day=${tail}.${day}`)).toEqual(free);
    expect(read(`km_ai=${A}; km_claim=${tail}.${bobs.claim}.19000; km_day=${tail}.${day}`)).toMatchObject({ day: 19_000 });
  });

  it("takes the first valid identity of several, whatever its neighbours are", () => {
    expect(
      read(
        `promo=50% off; x=%E0%A4%A; km_ai=%C0%80; km_ai=bob@bob.com; km_ai=${A}; km_ai=${FRESH}; km_claim=zz; km_claim=${tail}.-.${day}; z="a;b`,
      ),
    ).toEqual(free);
  });

  it("takes no name for an identity", () => {
    for (const value of [
      "bob@bob.com",
      "42",
      "d9428888-122b-11e1-b85c-61cd3cbb3210",
      "d9428888-122b-41e1-b85c-61cd3cbb3210",
      "",
      "a".repeat(8192),
    ])
      expect(read(`km_ai=${value}`)).toBeUndefined();
    expect(readPair(undefined, key)).toBeUndefined();
  });

  it("takes nobody's user id for an anonymous identity, although many are UUIDv7 or UUIDv5", () => {
    for (let n = 0; n < 1000; n += 1) expect(isOurCookie(mintAnonymous())).toBe(true);
    const ids = Array.from({ length: 1000 }, () => v7()).concat(Array.from({ length: 1000 }, (_, n) => derive("user", String(n))));
    // One in 65,536 passes by chance.
    expect(ids.filter((id) => read(`km_ai=${id}`) !== undefined).length).toBeLessThan(5);
  });

  it("knows KISSmetrics' own: free without km_ni, otherwise its owner's", () => {
    const own = "nbTo2Y6gBMjpu12wKz5pgPBeIXk=";
    expect(read(`km_ai=${own}`)).toEqual({ anonymous: own, claim: FREE, day: 0 });
    expect(read(`km_ai=${encodeURIComponent(own)}; km_ni=bob%40bob.com`)).toEqual({
      anonymous: own,
      claim: claimOf(key, own, bob),
      day: 0,
    });
    expect(read(`km_ai=${own}; km_day=${own.slice(-8)}.${day}`)).toEqual({ anonymous: own, claim: FREE, day });
    expect(read(`km_ai=${own}; km_claim=zz`)).toMatchObject({ claim: DOUBT });
  });

  it("a claim cannot be made without the key, and tells nothing of the name", () => {
    expect(claimOf("other", A, bob)).not.toBe(bobs.claim);
    expect(bobs.claim).toMatch(/^[0-9a-f]{12}$/);
  });
});
