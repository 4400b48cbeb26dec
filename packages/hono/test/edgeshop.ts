import { Hono } from "hono";
import { createKm, km } from "../src/index.ts";

// A whole app in one script, as a fetch-only platform takes it: one client for the whole isolate.
const url = (globalThis as unknown as { receiver: string }).receiver;
const client = createKm({ url, key: "k" });

const app = new Hono();
app.use(km(client));
app.get("/", (c) => {
  c.var.km.record("Seen");
  return c.text("Hello");
});
Object.assign(globalThis, { shop: { client } });

addEventListener("fetch", (event) => event.respondWith(app.fetch(event.request, {}, event)));
