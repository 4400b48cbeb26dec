import { afterAll, beforeAll, expect, test } from "vitest";
import { type House, openHouse, type Program } from "./house.ts";
import { Visitor } from "./visitor.ts";
import { expectTwoPeople, type Walker, walk } from "./walk.ts";

/** The walk without a browser, by a visitor who knows how the shop's forms are sent. */
export function walkOnFoot(program: Program, visitor: (shop: string) => Visitor = (shop) => new Visitor(shop)): void {
  let house: House;

  beforeAll(async () => {
    house = await openHouse(program);
  });

  afterAll(() => house?.close());

  test("bob signs up and pays, bill follows on the same browser, and the collector knows two people", async () => {
    await walk(onFoot(visitor(house.shop)));
    await expectTwoPeople(house);
  });
}

function onFoot(visitor: Visitor): Walker {
  const next = "/checkout";
  return {
    home: () => visitor.open("/"),
    look: (product) => visitor.open(`/products/${product}`),
    addTwo: (slug) => visitor.submit("/cart", { slug, quantity: "2" }),
    signUp: async (email, password) => {
      const page = await visitor.submit("/signup", { email, password, name: "Bob", plan: "Pro", next });
      expect(page.text).toContain("Pay € 158");
    },
    pay: async () => expect((await visitor.submit("/checkout", {})).text).toContain("Thank you, Bob"),
    logOut: () => visitor.submit("/logout", {}),
    logIn: (email, password) => visitor.submit("/login", { email, password }),
  };
}
