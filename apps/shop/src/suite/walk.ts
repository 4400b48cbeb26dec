import { expect, vi } from "vitest";
import type { House, Person } from "./house.ts";

const bob = { email: "bob@bob.com", password: "correct horse battery" };
const bill = { email: "bill@bob.com", password: "demo-shop" };

/** Somebody who walks through the shop, with a browser or without. */
export interface Walker {
  home(): Promise<unknown>;
  look(product: string): Promise<unknown>;
  /** Puts two of the product that is being looked at into the cart. */
  addTwo(product: string): Promise<unknown>;
  signUp(email: string, password: string): Promise<unknown>;
  pay(): Promise<unknown>;
  logOut(): Promise<unknown>;
  logIn(email: string, password: string): Promise<unknown>;
}

/** The walk: Bob looks, signs up, pays and leaves; then Bill sits down at the same browser. */
export async function walk(walker: Walker): Promise<void> {
  await walker.home();
  await walker.look("pebble");
  await walker.addTwo("pebble");
  await walker.signUp(bob.email, bob.password);
  await walker.pay();
  await walker.logOut();
  await walker.look("ember");
  await walker.logIn(bill.email, bill.password);
  await walker.look("heron");
}

/** What the collector must know when the walk is over. How soon is no test's business: machines are shared. */
export async function expectTwoPeople(house: House): Promise<void> {
  const bills = await vi.waitFor(
    async () => {
      const person = await house.person(bill.email);
      expect(story(person)).toEqual(["Viewed Homepage", "Viewed Product: Ember", "Logged In", "Viewed Homepage", "Viewed Product: Heron"]);
      return person;
    },
    { timeout: 10_000, interval: 25 },
  );
  const [bobs, bobsByCli] = await Promise.all([house.person(bob.email), house.personByCli(bob.email)]);
  expect(bobsByCli).toEqual(bobs);
  expect(story(bobs)).toEqual(["Viewed Homepage", "Viewed Product: Pebble", "Added To Cart: Pebble", "Signed Up", "Paid", "Logged Out"]);
  expect(bobs.properties).toMatchObject({ Plan: { value: "Pro" }, Name: { value: "Bob" }, Amount: { value: 158 } });

  for (const [person, { email }] of [
    [bobs, bob],
    [bills, bill],
  ] as const) {
    expect(person.identities).toHaveLength(2);
    expect(person.identities.filter(({ anonymous }) => !anonymous).map(({ identity }) => identity)).toEqual([email]);
  }
  const everybody = [...bobs.identities, ...bills.identities].map(({ identity }) => identity);
  expect(new Set(everybody).size).toBe(4);
  expect(JSON.stringify([bobs, bills])).not.toMatch(/correct horse|demo-shop/);
}

function story({ events }: Person): string[] {
  return events.toReversed().map(({ name, properties }) => (properties.Product === undefined ? name : `${name}: ${properties.Product}`));
}
