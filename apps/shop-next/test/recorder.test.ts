import type { Recorder } from "@kmkit/next";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { close, recorder, startAnew, url } from "./app.ts";
import { FormVisitor } from "./visitor.ts";

// How you test what your own app records: the built app in this process, and recorder() in the place of the collector.
let rec: Recorder;
afterAll(close);
beforeEach(() => {
  rec = recorder();
  startAnew(rec.client);
});

test("whoever signs up is known by name, with the plan and what came before", async () => {
  const visitor = new FormVisitor(url);
  await visitor.open("/signup");
  const anonymous = visitor.cookies.get("km_ai");
  await visitor.post("/signup", { email: "bob@bob.com", password: "correct horse", plan: "Pro" });
  // Commands come when the response is over, which is a moment after the client has read it.
  await vi.waitFor(() => expect(rec.commands).toHaveLength(3));
  expect(rec.commands).toMatchObject([
    { type: "alias", identity: anonymous, alias: "bob@bob.com" },
    { type: "record", name: "Signed Up", identity: "bob@bob.com", properties: { Plan: "Pro" } },
    { type: "set", identity: "bob@bob.com", properties: { Plan: "Pro" } },
  ]);
});

describe("the route handler of the cart", () => {
  const put = async (visitor: FormVisitor, body: unknown, headers: Record<string, string> = {}) => {
    const cookie = [...visitor.cookies].map((pair) => pair.join("=")).join("; ");
    const answer = await fetch(`${url}/api/cart`, { method: "PUT", body: JSON.stringify(body), headers: { cookie, ...headers } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      visitor.cookies.set(name, value);
    }
    return answer;
  };

  test("records what is added, by the visitor of the pages, and nothing when something is taken away", async () => {
    const visitor = new FormVisitor(url);
    await visitor.submit("/cart", { slug: "heron", quantity: "1" });
    expect(await (await put(visitor, { slug: "heron", quantity: 4 })).json()).toEqual({ items: 4 });
    expect(await (await put(visitor, { slug: "heron", quantity: 2 })).json()).toEqual({ items: 2 });
    expect((await visitor.open("/cart")).text).toContain("2 × € 149");
    await visitor.open("/");

    const added = { type: "record", name: "Added To Cart" };
    await vi.waitFor(() => expect(rec.commands.at(-1)).toMatchObject({ name: "Viewed Homepage" }));
    // The first page was opened to see its form.
    expect(rec.commands.slice(1)).toMatchObject([
      { ...added, properties: { Product: "Heron", Price: 149, Quantity: 1 } },
      { ...added, properties: { Product: "Heron", Price: 149, Quantity: 3 } },
      { name: "Viewed Homepage" },
    ]);
    expect(new Set(rec.commands.map(({ identity }) => identity))).toEqual(new Set([visitor.cookies.get("km_ai")]));
  });

  test.each([
    [{ slug: "heron", quantity: 0 }, 422],
    [{ slug: "heron", quantity: 1.5 }, 422],
    [{ slug: "heron", quantity: "2" }, 422],
    [{ slug: "heron", quantity: 100 }, 422],
    [{ slug: "__proto__", quantity: 1 }, 404],
    [null, 404],
  ])("refuses %j with %i", async (body, status) => {
    const visitor = new FormVisitor(url);
    expect((await put(visitor, body)).status).toBe(status);
    expect((await visitor.open("/cart")).text).toContain("Your cart is empty");
  });

  test("refuses another site", async () => {
    const answer = await put(new FormVisitor(url), { slug: "heron", quantity: 1 }, { "sec-fetch-site": "cross-site" });
    expect(answer.status).toBe(403);
  });
});
