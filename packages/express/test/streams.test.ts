import net from "node:net";
import { describe, expect, it, vi } from "vitest";
import { km } from "../src/index.ts";
import { type Express, open, versions } from "./shop.ts";

async function stream(express: Express): Promise<void> {
  let tick = () => {};
  const shop = await open(express, (app, rec) => {
    app.use(km(rec.client));
    app.get("/", (_req, res) => void res.send("hi"));
    app.get("/stream", (req, res) => {
      req.km.record("Opened");
      res.write("open");
      tick = () => req.km.record("Tick");
    });
  });
  const browser = shop.browser();
  await browser.page("/");
  const socket = net.connect(Number(new URL(shop.url).port), "localhost");
  socket.write(`GET /stream HTTP/1.1\r\nHost: localhost\r\nCookie: ${browser.cookie()}\r\n\r\n`);
  const within = { timeout: 5300, interval: 20 };
  await vi.waitFor(() => expect(shop.rec.commands).toMatchObject([{ name: "Opened", identity: browser.anonymous }]), within);
  tick();
  await vi.waitFor(() => expect(shop.rec.commands[1]).toMatchObject({ name: "Tick", identity: browser.anonymous }), within);
  expect(socket.destroyed).toBe(false);
  socket.destroy();
}

describe("an answer that never ends", () => {
  // Both versions at once, since each takes its seconds.
  it("commands leave within five seconds, also later ones", () => Promise.all(versions.map(([, express]) => stream(express))));

  it.each(versions)("client.flush() does not wait for its end on %s", async (_, express) => {
    const shop = await open(express, (app, rec) => {
      app.use(km(rec.client));
      app.get("/stream", (req, res) => {
        req.km.record("Opened");
        res.write("open");
      });
    });
    const socket = net.connect(Number(new URL(shop.url).port), "localhost");
    socket.write("GET /stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n");
    await new Promise((resolve) => socket.once("data", resolve));
    await shop.rec.client.flush();
    expect(shop.rec.commands).toMatchObject([{ name: "Opened" }]);
    socket.destroy();
  });
});
