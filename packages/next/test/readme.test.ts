import { join } from "node:path";
import { type Browser, type Receiver, startReceiver } from "@kmkit/testkit";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { actionForm, directory, type Launched, launch } from "./launch.ts";

// The app of the README: its snippets are these files, to the letter.
let receiver: Receiver;
let server: Launched;
const outbox = directory();
beforeAll(async () => {
  receiver = await startReceiver();
  const env = { KMKIT_URL: receiver.url, KMKIT_KEY: "k", KMKIT_OUTBOX: outbox.path, PLAIN_HTTP: "1" };
  server = await launch({ folder: join(import.meta.dirname, "readme"), env });
});
afterAll(async () => {
  await server.end();
  await receiver.close();
  outbox.remove();
});
beforeEach(() => receiver.clear());

const comes = (...wanted: object[]) =>
  vi.waitFor(
    () => {
      for (const one of wanted) expect(receiver.commands).toContainEqual(expect.objectContaining(one));
    },
    { timeout: 10_000 },
  );
const submit = async (browser: Browser, form: string, fields: Record<string, string> = {}) => {
  const { kind, ...rest } = actionForm((await browser.page("/login")).text, form, server.url, fields);
  return browser.take(await browser.ask("/login", rest, kind));
};
const json = (body: object) => ({ method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

it("the very first request after the start is whole: a static page sets the cookies, and a product page records under them", async () => {
  const browser = server.browser();
  const first = await browser.page("/");
  expect(first.ours).toHaveLength(2);
  expect(first.headers["cache-control"]).toBe("private, no-store");
  await browser.page("/product");
  await comes({ name: "Viewed Product", identity: browser.anonymous, properties: { Name: "Pebble" } });
});

it("signing up by an action, buying by a route handler, logging out: two people stay two", async () => {
  const browser = server.browser();
  await browser.page("/product");
  const before = browser.anonymous;
  expect((await submit(browser, "signup", { email: "bob@bob.com" })).status).toBe(303);
  await comes({ name: "Signed Up", identity: "bob@bob.com" }, { type: "alias", identity: before, alias: "bob@bob.com" });
  await browser.take(await browser.ask("/api/buy", json({ product: "Pebble", price: 79 }), "call"));
  await comes({ name: "Bought", identity: "bob@bob.com", properties: { Product: "Pebble", Price: 79 } });
  await submit(browser, "logout");
  await comes({ name: "Logged Out", identity: "bob@bob.com" });
  await browser.page("/product");
  expect(browser.anonymous).not.toBe(before);
  await comes({ name: "Viewed Product", identity: browser.anonymous });
});

it("the Pages Router, the edge and a webhook", async () => {
  const browser = server.browser();
  await browser.page("/story");
  await browser.ask("/api/rate", { method: "POST" }, "call");
  await browser.ask("/api/edge", { method: "POST" }, "call");
  await browser.ask("/api/webhook", json({ id: "evt_1", customer: "ann@ann.com", amount: 79 }), "call");
  const identity = browser.anonymous;
  await comes(
    { name: "Read Story", identity },
    { name: "Rated", identity, properties: { Stars: 5 } },
    { name: "Subscribed", identity },
    { name: "Paid", identity: "ann@ann.com", properties: { Amount: 79 } },
  );
});
