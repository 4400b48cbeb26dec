import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { recorder } from "@kmkit/koa";
import { afterEach, expect, test, vi } from "vitest";
import { createShop } from "../src/shop.ts";

// How you test what your own app records: recorder() takes the place of the collector, and a plain fetch that of the browser.
let server: Server;
afterEach(() => server.close());

test("whoever signs up is known by name, with the plan", async () => {
  const { client, commands } = recorder();
  server = createServer(createShop({ km: client }).callback()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  await fetch(`http://127.0.0.1:${port}/signup`, {
    method: "POST",
    body: new URLSearchParams({ email: "bob@bob.com", password: "correct horse", plan: "Pro" }),
    redirect: "manual",
  });
  // Commands come when the response is over, which is a moment after the client has read it.
  await vi.waitFor(() => expect(commands).toHaveLength(2));
  expect(commands).toMatchObject([
    { type: "record", name: "Signed Up", identity: "bob@bob.com", properties: { Plan: "Pro" } },
    { type: "set", identity: "bob@bob.com", properties: { Plan: "Pro" } },
  ]);
});
