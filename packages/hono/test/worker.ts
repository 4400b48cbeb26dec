// biome-ignore-all lint/style/noDefaultExport: platforms take a worker so; it stands in the README to the letter
import { km } from "@kmkit/hono";
import { Hono } from "hono";

const app = new Hono();
app.use(km({ url: "https://km.shop.example", key: "secret" }));

app.post("/buy", (c) => {
  c.var.km.record("Bought", { Product: "Pebble", Price: 79 });
  return c.text("Thank you!");
});

export default app;
