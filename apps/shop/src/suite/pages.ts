import { describe, expect, test } from "vitest";
import { products } from "../products.ts";
import { type Build, Opened, type Ways } from "./opened.ts";

/** What every one of the shops shows: its pages, and the cart. */
export function pagesSuite(build: Build, ways?: Ways): void {
  const shop = new Opened(build, ways);

  describe("pages", () => {
    test("the shelf shows every lamp, with a page and a picture of its own", async () => {
      const home = await shop.visitor.open("/");
      expect(home.status).toBe(200);
      for (const { slug, name, price } of products) {
        expect(home.text).toContain(`href="/products/${slug}"`);
        const page = await shop.visitor.open(`/products/${slug}`);
        expect(page.text).toContain(`<h1>${name}</h1>`);
        expect(page.text).toContain(`€ ${price}`);
        expect(page.text).toContain(`id="${slug}-wall"`);
      }
      await shop.recorded("Viewed Product");
      expect(shop.command("Viewed Product")).toMatchObject({ properties: { Product: "Ember", Category: "Portable", Price: 59 } });
    });

    test("an unknown lamp is a 404 and records nothing", async () => {
      const page = await shop.visitor.open("/products/%3Cscript%3E");
      expect(page.status).toBe(404);
      expect(page.text).toContain("It is dark in here");
      expect(page.text).not.toContain("<script>");
      await shop.expectNothingRecorded();
    });

    test.each(["/", "/cart", "/signup", "/login", "/products/pebble", "/nowhere"])("%s is safe by its headers", async (path) => {
      const { headers } = await shop.visitor.open(path);
      expect(headers["content-security-policy"]).toContain("default-src 'none'");
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["cache-control"]).toContain("private");
      expect(headers["x-powered-by"]).toBeUndefined();
    });

    test("style sheets are cached and set no cookie", async () => {
      const { text } = await shop.visitor.open("/");
      const sheets = [...text.matchAll(/<link rel="stylesheet" href="([^"]+)"/g)].map(([, path]) => path ?? "");
      expect(sheets).not.toEqual([]);
      for (const sheet of sheets) {
        const { status, headers } = await shop.visitor.open(sheet);
        expect(status).toBe(200);
        expect(headers["cache-control"]).toMatch(/^public, max-age=(3600|31536000, immutable)$/);
        expect(headers["set-cookie"]).toBeUndefined();
      }
    });

    test("a visitor sees the end of an anonymous identity, never all of it", async () => {
      await shop.visitor.open("/");
      const page = await shop.visitor.open("/");
      const identity = shop.visitor.cookies.get("km_ai") ?? "";
      expect(identity).toHaveLength(36);
      expect(page.text).toContain(`<code>…${identity.slice(-8)}</code> (anonymous)`);
      expect(page.text).not.toContain(identity);
    });
  });

  describe("cart", () => {
    test("sums up, ships free from 150, and gives things back", async () => {
      await shop.visitor.submit("/cart", { slug: "pebble", quantity: "1" });
      const one = await shop.visitor.open("/cart");
      expect(one.text).toMatch(/Subtotal<\/dt><dd>€ 79<[\s\S]*Shipping<\/dt><dd>€ 9<[\s\S]*Total<\/dt><dd>€ 88</);

      const two = await shop.visitor.submit("/cart", { slug: "pebble", quantity: "1" });
      expect(two.text).toContain("2 × € 79");
      expect(two.text).toMatch(/Shipping<\/dt><dd>Free<[\s\S]*Total<\/dt><dd>€ 158</);
      await shop.recorded("Added To Cart");
      expect(shop.command("Added To Cart")).toMatchObject({ properties: { Product: "Pebble", Price: 79, Quantity: 1 } });

      expect((await shop.visitor.submit("/cart/remove", { slug: "pebble" })).text).toContain("Your cart is empty");
    });

    test.each(["0", "-1", "1.5", "10", "many", "1e0x"])("a quantity of %s is refused", async (quantity) => {
      const page = await shop.visitor.post("/cart", { slug: "pebble", quantity });
      expect(page.status).toBe(shop.refusal(422));
      expect(page.text).toContain("Choose a quantity from 1 to 9.");
      await shop.expectNothingRecorded();
    });

    test.each(["", "nothing", "__proto__", "constructor"])("the unknown lamp %j is a 404", async (slug) => {
      expect((await shop.visitor.post("/cart", { slug, quantity: "1" })).status).toBe(404);
    });
  });
}
