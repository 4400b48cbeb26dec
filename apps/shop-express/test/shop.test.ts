import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Recorder, recorder } from "@kmkit/express";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { products } from "../src/products.ts";
import { localPath } from "../src/security.ts";
import { createShop } from "../src/shop.ts";
import { Visitor } from "./visitor.ts";

type Command = Recorder["commands"][number];

const bob = { email: "bob@bob.com", password: "correct horse", name: "Bob", plan: "Pro" };
const bill = { email: "bill@bob.com", password: "demo-shop" };

let rec: Recorder;
let server: Server;
let url: string;
let visitor: Visitor;

beforeEach(async () => {
  rec = recorder();
  server = createShop({ km: { client: rec.client } }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  visitor = new Visitor(url);
});

afterEach(() => {
  server.close();
  server.closeAllConnections();
});

/** The names of what was recorded, once the last one is there: commands come when a response is over. */
async function recorded(last: string): Promise<string[]> {
  return vi.waitFor(() => {
    const names = rec.commands.map(nameOf);
    expect(names.at(-1)).toBe(last);
    return names;
  });
}

function nameOf(command: Command): string {
  return command.type === "record" ? command.name : command.type;
}

function command(name: string): Command | undefined {
  return rec.commands.findLast((one) => nameOf(one) === name);
}

/** Lets every response end, then expects that nothing more was recorded than the page that comes after. */
async function expectNothingRecorded(): Promise<void> {
  rec.clear();
  await visitor.open("/");
  expect(await recorded("Viewed Homepage")).toEqual(["Viewed Homepage"]);
}

describe("pages", () => {
  test("the shelf shows every lamp, with a page and a picture of its own", async () => {
    const home = await visitor.open("/");
    expect(home.status).toBe(200);
    for (const { slug, name, price } of products) {
      expect(home.text).toContain(`href="/products/${slug}"`);
      const page = await visitor.open(`/products/${slug}`);
      expect(page.text).toContain(`<h1>${name}</h1>`);
      expect(page.text).toContain(`€ ${price}`);
      expect(page.text).toContain(`id="${slug}-wall"`);
    }
    await recorded("Viewed Product");
    expect(command("Viewed Product")).toMatchObject({ properties: { Product: "Ember", Category: "Portable", Price: 59 } });
  });

  test("an unknown lamp is a 404 and records nothing", async () => {
    const page = await visitor.open("/products/%3Cscript%3E");
    expect(page.status).toBe(404);
    expect(page.text).toContain("<h1>It is dark in here</h1>");
    expect(page.text).not.toContain("<script");
    await expectNothingRecorded();
  });

  test.each(["/", "/cart", "/signup", "/login", "/products/pebble", "/nowhere"])("%s is safe by its headers", async (path) => {
    const { headers } = await visitor.open(path);
    expect(headers["content-security-policy"]).toContain("default-src 'none'");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["cache-control"]).toContain("private");
    expect(headers["x-powered-by"]).toBeUndefined();
  });

  test.each(["shop", "shelf", "cart", "forms"])("%s.css is cached and sets no cookie", async (sheet) => {
    const { status, headers } = await visitor.open(`/${sheet}.css`);
    expect(status).toBe(200);
    expect(headers["cache-control"]).toBe("public, max-age=3600");
    expect(headers["set-cookie"]).toBeUndefined();
  });

  test("a visitor sees the end of an anonymous identity, never all of it", async () => {
    await visitor.open("/");
    const page = await visitor.open("/");
    const identity = visitor.cookies.get("km_ai") ?? "";
    expect(identity).toHaveLength(36);
    expect(page.text).toContain(`<code>…${identity.slice(-8)}</code> (anonymous)`);
    expect(page.text).not.toContain(identity);
  });
});

describe("cart", () => {
  test("sums up, ships free from 150, and gives things back", async () => {
    await visitor.submit("/cart", { slug: "pebble", quantity: "1" });
    const one = await visitor.open("/cart");
    expect(one.text).toMatch(/Subtotal<\/dt><dd>€ 79<[\s\S]*Shipping<\/dt><dd>€ 9<[\s\S]*Total<\/dt><dd>€ 88</);

    const two = await visitor.submit("/cart", { slug: "pebble", quantity: "1" });
    expect(two.text).toContain("2 × € 79");
    expect(two.text).toMatch(/Shipping<\/dt><dd>Free<[\s\S]*Total<\/dt><dd>€ 158</);
    await recorded("Added To Cart");
    expect(command("Added To Cart")).toMatchObject({ properties: { Product: "Pebble", Price: 79, Quantity: 1 } });

    expect((await visitor.submit("/cart/remove", { slug: "pebble" })).text).toContain("Your cart is empty");
  });

  test.each(["0", "-1", "1.5", "10", "many", "1e0x"])("a quantity of %s is refused", async (quantity) => {
    const page = await visitor.post("/cart", { slug: "pebble", quantity });
    expect(page.status).toBe(422);
    expect(page.text).toContain("Choose a quantity from 1 to 9.");
    await expectNothingRecorded();
  });

  test.each(["", "nothing", "__proto__", "constructor"])("the unknown lamp %j is a 404", async (slug) => {
    expect((await visitor.post("/cart", { slug, quantity: "1" })).status).toBe(404);
  });
});

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
    const page = await visitor.post("/signup", fields);
    expect(page.status).toBe(422);
    expect(page.text).toContain(problem);
    expect(page.text).toContain('role="alert"');
    expect(page.text).not.toContain(fields.password);
    await expectNothingRecorded();
  });

  test("what a visitor writes is shown, and never run", async () => {
    const hostile = `"><script>alert('x')</script>`;
    const refused = await visitor.post("/signup", { ...bob, email: hostile, name: hostile, next: `/${hostile}` });
    expect(refused.text).not.toContain("<script");
    expect(refused.text).toContain("&#34;&#62;&#60;script&#62;alert(&#39;x&#39;)");

    await visitor.submit("/cart", { slug: "pebble", quantity: "1" });
    await visitor.submit("/signup", { ...bob, name: hostile });
    const thanks = await visitor.submit("/checkout", {});
    expect(thanks.text).toContain("Thank you, &#34;&#62;");
    expect(thanks.text).not.toContain("<script");
  });

  test("a wrong password is a 401 with a word, whether or not the address is known", async () => {
    for (const email of [bill.email, "nobody@bob.com"]) {
      const page = await visitor.post("/login", { email, password: "wrong password" });
      expect(page.status).toBe(401);
      expect(page.text).toContain("do not go together");
      expect(page.text).not.toContain("wrong password");
    }
    await expectNothingRecorded();
  });

  test("two who want the same address at the same time do not both get it", async () => {
    const answers = await Promise.all([visitor.post("/signup", bob), new Visitor(url).post("/signup", bob)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 422]);
  });

  test("a session gets a new id at log in and at log out, and keeps the cart at log in", async () => {
    await visitor.submit("/cart", { slug: "pebble", quantity: "1" });
    const before = visitor.cookies.get("shop.sid");
    await visitor.submit("/login", bill);
    const during = visitor.cookies.get("shop.sid") ?? "";
    expect(during).not.toBe(before);
    expect((await visitor.open("/cart")).text).toContain("1 × € 79");

    await visitor.submit("/logout", {});
    const thief = new Visitor(url);
    thief.cookies.set("shop.sid", during);
    expect((await thief.post("/checkout", {})).headers.location).toBe("/login?next=/checkout");
  });

  test("only a path of the shop is a way back", async () => {
    const answer = await visitor.post("/login", { ...bill, next: "https://evil.example/" });
    expect(answer.headers.location).toBe("/");
    for (const path of [
      "//evil.example",
      "/\\evil.example",
      "/\t/evil.example",
      "/.//evil.example",
      "/x/..//evil.example",
      "javascript:alert(1)",
      "http:evil",
      "",
      7,
      undefined,
    ]) {
      expect(localPath(path), String(path)).toBe("/");
    }
    expect(localPath("/checkout?a=1")).toBe("/checkout?a=1");
  });
});

describe("forms from elsewhere", () => {
  test.each([{ "sec-fetch-site": "cross-site" }, { "sec-fetch-site": "same-site" }, { "sec-fetch-site": "cross-site", origin: "null" }])(
    "%j is refused",
    async (headers) => {
      const page = await visitor.post("/login", bill, headers);
      expect(page.status).toBe(403);
      await expectNothingRecorded();
    },
  );

  test("an older browser is judged by its Origin", async () => {
    const plain = (origin: string) =>
      fetch(`${url}/login`, { method: "POST", headers: { origin }, body: new URLSearchParams(bill), redirect: "manual" });
    expect((await plain("http://evil.example")).status).toBe(403);
    expect((await plain("null")).status).toBe(403);
    expect((await plain(url)).status).toBe(303);
  });
});

describe("what is recorded", () => {
  test("bob looks, adds, signs up, pays and leaves; bill follows", async () => {
    await visitor.open("/");
    await visitor.open("/products/heron");
    await visitor.submit("/cart", { slug: "heron", quantity: "1" });
    const gate = await visitor.open("/checkout");
    expect(gate.text).toContain('name="next" value="/checkout"');
    expect((await visitor.submit("/signup", { ...bob, gender: "Male", next: "/checkout" })).text).toContain("Pay € 149");
    expect((await visitor.submit("/checkout", {})).text).toContain("Thank you, Bob");
    expect((await visitor.open("/thanks")).text).toContain("To kmkit you are <code>bob@bob.com</code> (named)");
    await visitor.submit("/logout", {});
    await recorded("Viewed Homepage");
    const bobs = [...rec.commands];

    expect(bobs.map(nameOf)).toEqual(
      expect.arrayContaining(["Viewed Homepage", "Viewed Product", "Added To Cart", "Signed Up", "set", "alias", "Paid", "Logged Out"]),
    );
    expect(command("Signed Up")).toMatchObject({ identity: bob.email, properties: { Plan: "Pro" } });
    expect(command("set")).toMatchObject({ identity: bob.email, properties: { Plan: "Pro", Name: "Bob", Gender: "Male" } });
    expect(command("Paid")).toMatchObject({ identity: bob.email, properties: { Amount: 149, Items: 1 } });
    expect(command("Logged Out")).toMatchObject({ identity: bob.email });
    const [first] = bobs;
    expect(bobs.find(({ type }) => type === "alias")).toMatchObject({ identity: first?.identity, alias: bob.email });
    expect(bobs.at(-1)?.identity).not.toBe(first?.identity);

    await visitor.submit("/login", bill);
    await recorded("Viewed Homepage");
    expect(command("Logged In")).toMatchObject({ identity: bill.email });
    expect(rec.commands.filter(({ type }) => type === "alias")).toHaveLength(2);
    expect(rec.commands.findLast(({ type }) => type === "alias")).toMatchObject({ identity: bobs.at(-1)?.identity, alias: bill.email });

    expect(JSON.stringify(rec.commands)).not.toMatch(/correct horse|demo-shop/);
    expect(rec.errors).toEqual([]);
  });

  test("an empty cart cannot be paid", async () => {
    await visitor.submit("/login", bill);
    expect((await visitor.post("/checkout", {})).headers.location).toBe("/cart");
    await expectNothingRecorded();
  });
});
