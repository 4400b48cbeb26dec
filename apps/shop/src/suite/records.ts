import { describe, expect, test } from "vitest";
import { type Build, bill, bob, nameOf, Opened, type Ways } from "./opened.ts";

/** What every one of the shops records. */
export function recordsSuite(build: Build, ways?: Ways): void {
  const shop = new Opened(build, ways);

  describe("what is recorded", () => {
    test("bob looks, adds, signs up, pays and leaves; bill follows", async () => {
      await shop.visitor.open("/");
      await shop.visitor.open("/products/heron");
      await shop.visitor.submit("/cart", { slug: "heron", quantity: "1" });
      const gate = await shop.visitor.open("/checkout");
      expect(gate.text).toContain('name="next" value="/checkout"');
      expect((await shop.visitor.submit("/signup", { ...bob, gender: "Male", next: "/checkout" })).text).toContain("Pay € 149");
      expect((await shop.visitor.submit("/checkout", {})).text).toContain("Thank you, Bob");
      expect((await shop.visitor.open("/thanks")).text).toContain("To kmkit you are <code>bob@bob.com</code> (named)");
      await shop.visitor.submit("/logout", {});
      await shop.recorded("Viewed Homepage");
      const bobs = [...shop.rec.commands];

      expect(bobs.map(nameOf)).toEqual(
        expect.arrayContaining(["Viewed Homepage", "Viewed Product", "Added To Cart", "Signed Up", "set", "alias", "Paid", "Logged Out"]),
      );
      expect(shop.command("Signed Up")).toMatchObject({ identity: bob.email, properties: { Plan: "Pro" } });
      expect(shop.command("set")).toMatchObject({ identity: bob.email, properties: { Plan: "Pro", Name: "Bob", Gender: "Male" } });
      expect(shop.command("Paid")).toMatchObject({ identity: bob.email, properties: { Amount: 149, Items: 1 } });
      expect(shop.command("Logged Out")).toMatchObject({ identity: bob.email });
      const [first] = bobs;
      expect(bobs.find(({ type }) => type === "alias")).toMatchObject({ identity: first?.identity, alias: bob.email });
      expect(bobs.at(-1)?.identity).not.toBe(first?.identity);

      await shop.visitor.submit("/login", bill);
      await shop.recorded("Viewed Homepage");
      expect(shop.command("Logged In")).toMatchObject({ identity: bill.email });
      expect(shop.rec.commands.filter(({ type }) => type === "alias")).toHaveLength(2);
      expect(shop.rec.commands.findLast(({ type }) => type === "alias")).toMatchObject({
        identity: bobs.at(-1)?.identity,
        alias: bill.email,
      });

      expect(JSON.stringify(shop.rec.commands)).not.toMatch(/correct horse|demo-shop/);
      expect(shop.rec.errors).toEqual([]);
    });

    test("an empty cart cannot be paid", async () => {
      await shop.visitor.submit("/login", bill);
      expect((await shop.visitor.post("/checkout", {})).headers.location).toBe("/cart");
      await shop.expectNothingRecorded();
    });
  });
}
