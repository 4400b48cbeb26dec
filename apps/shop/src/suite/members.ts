import { describe, expect, test } from "vitest";
import { type Build, bill, bob, Opened, type Ways } from "./opened.ts";

/** Whom every one of the shops lets in. */
export function membersSuite(build: Build, ways?: Ways): void {
  const shop = new Opened(build, ways);

  describe("membership", () => {
    test.each([
      [{ ...bob, email: "" }, "Enter your e-mail address."],
      [{ ...bob, email: "bob" }, "Enter an e-mail address like bob@bob.com."],
      [{ ...bob, email: "bob@bob.com; rm -r" }, "Enter an e-mail address like bob@bob.com."],
      [{ ...bob, password: "short" }, "Choose a password of at least 8 characters."],
      [{ ...bob, password: "x".repeat(201) }, "Choose a password of at most 200 characters."],
      [{ ...bob, name: "x".repeat(61) }, "Choose a name of at most 60 characters."],
      [{ ...bob, email: " BILL@bob.com " }, "This address already has an account."],
    ])("a form with something wrong comes back: %#", async (fields, problem) => {
      const page = await shop.visitor.post("/signup", fields);
      expect(page.status).toBe(shop.refusal(422));
      expect(page.text).toContain(problem);
      expect(page.text).toContain('role="alert"');
      expect(page.text).not.toContain(fields.password);
      await shop.expectNothingRecorded();
    });

    test("what a visitor writes is shown, and never run", async () => {
      const hostile = `"><script>alert('x')</script>`;
      const refused = await shop.visitor.post("/signup", { ...bob, email: hostile, name: hostile, next: `/${hostile}` });
      expect(refused.text).not.toContain("<script>");
      expect(decoded(refused.text)).toContain(`value="${hostile}`);

      await shop.visitor.submit("/cart", { slug: "pebble", quantity: "1" });
      await shop.visitor.submit("/signup", { ...bob, name: hostile });
      const thanks = await shop.visitor.submit("/checkout", {});
      expect(decoded(thanks.text)).toContain(`<h1>Thank you, ${hostile}</h1>`);
      expect(thanks.text).not.toContain("<script>");
    });

    test("a wrong password is a 401 with a word, whether or not the address is known", async () => {
      for (const email of [bill.email, "nobody@bob.com"]) {
        const page = await shop.visitor.post("/login", { email, password: "wrong password" });
        expect(page.status).toBe(shop.refusal(401));
        expect(page.text).toContain("do not go together");
        expect(page.text).not.toContain("wrong password");
      }
      await shop.expectNothingRecorded();
    });

    test("two who want the same address at the same time do not both get it", async () => {
      const answers = await Promise.all([shop.visitor.post("/signup", bob), shop.another().post("/signup", bob)]);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([303, shop.refusal(422)]));
    });

    test("a session gets a new id at log in and at log out, and keeps the cart at log in", async () => {
      await shop.visitor.submit("/cart", { slug: "pebble", quantity: "1" });
      const before = shop.visitor.cookies.get("shop.sid");
      await shop.visitor.submit("/login", bill);
      const during = new Map(shop.visitor.cookies);
      expect(during.get("shop.sid")).not.toBe(before);
      expect((await shop.visitor.open("/cart")).text).toContain("1 × € 79");

      await shop.visitor.submit("/logout", {});
      const thief = shop.another();
      for (const [name, value] of during) if (name.startsWith("shop.sid")) thief.cookies.set(name, value);
      expect((await thief.post("/checkout", {})).headers.location).toBe("/login?next=/checkout");
    });

    test("only a path of the shop is a way back", async () => {
      const answer = await shop.visitor.post("/login", { ...bill, next: "https://evil.example/" });
      expect(answer.headers.location).toBe("/");
    });
  });

  describe("forms from elsewhere", () => {
    test.each([{ "sec-fetch-site": "cross-site" }, { "sec-fetch-site": "same-site" }, { "sec-fetch-site": "cross-site", origin: "null" }])(
      "%j is refused",
      async (headers) => {
        const page = await shop.visitor.post("/login", bill, headers);
        expect(page.status).toBe(403);
        await shop.expectNothingRecorded();
      },
    );

    test("an older browser is judged by its Origin", async () => {
      const plain = (origin: string) => shop.visitor.post("/login", bill, { origin, "sec-fetch-site": undefined });
      expect((await plain("http://evil.example")).status).toBe(403);
      expect((await plain("null")).status).toBe(403);
      expect((await plain(shop.url)).status).toBe(303);
    });
  });
}

/** A page with its text as it would be read: what stands escaped in it, unescaped. */
function decoded(page: string): string {
  const signs: Record<string, string> = { lt: "<", gt: ">", quot: '"', amp: "&" };
  return page.replace(/&(?:#(x)?([0-9a-f]+)|(\w+));/gi, (whole, hex?: string, code?: string, name?: string) =>
    code === undefined ? (signs[name ?? ""] ?? whole) : String.fromCodePoint(Number.parseInt(code, hex === undefined ? 10 : 16)),
  );
}
