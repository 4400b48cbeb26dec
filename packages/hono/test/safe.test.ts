import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKm as durable } from "@kmkit/node";
import { ask, kinds, type Receiver, startReceiver } from "@kmkit/testkit";
import { createHandler } from "edge-runtime";
import { Hono } from "hono";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { type Client, createKm, km } from "../src/index.ts";
import { bundle, startEdge } from "./edgemount.ts";

let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

/** Asks an app once, and gives what it handed to waitUntil. */
async function held(client: Client): Promise<{ settled(): boolean; work: Promise<unknown> }> {
  const app = new Hono();
  app.use(km(client));
  app.get("/", (c) => {
    c.var.km.record("Seen");
    return c.text("Hello");
  });
  const work: Promise<unknown>[] = [];
  const context = { waitUntil: (one: Promise<unknown>) => void work.push(one), passThroughOnException: () => {}, props: {} };
  await (await app.fetch(new Request("http://shop.example/", { headers: kinds.page }), {}, context)).text();
  expect(work).toHaveLength(1);
  let settled = false;
  work[0]?.then(() => {
    settled = true;
  });
  return { settled: () => settled, work: work[0] as Promise<unknown> };
}

describe("what a platform is asked to wait for", () => {
  it("commands in memory: until the collector has them", async () => {
    receiver.mode("slow:300");
    const client = createKm({ url: receiver.url, key: "k" });
    const { settled, work } = await held(client);
    await vi.waitFor(() => expect(receiver.commands).toHaveLength(1));
    expect(settled()).toBe(false);
    expect(client.stats()).toMatchObject({ sent: 0, kept: 1, durable: false });
    await work;
    expect(client.stats()).toMatchObject({ sent: 1, kept: 0 });
  });

  it("commands in memory: until the collector has refused them", async () => {
    receiver.mode("status:400");
    const client = createKm({ url: receiver.url, key: "k", onError: () => {} });
    await (await held(client)).work;
    const { sent, kept, refused } = client.stats();
    expect([sent, kept, Object.values(refused)]).toEqual([0, 0, [1]]);
  });

  it("commands in memory: while the collector is down, and no longer than told", async () => {
    await receiver.down();
    const client = createKm({ url: receiver.url, key: "k", onError: () => {} });
    const { settled } = await held(client);
    const start = performance.now();
    await client.safe(300);
    expect(performance.now() - start).toBeGreaterThan(250);
    expect(settled()).toBe(false);
    expect(client.stats().kept).toBe(1);
    await receiver.up();
    await client.safe();
    expect(receiver.commands).toHaveLength(1);
  });

  it("a collector that asks for a pause gets it", async () => {
    receiver.mode("retry-after:1");
    const client = createKm({ url: receiver.url, key: "k", onError: () => {} });
    const first = await held(client);
    await vi.waitFor(() => expect(receiver.requests).toHaveLength(1));
    receiver.mode("accept");
    const start = performance.now();
    await Promise.all([first.work, (await held(client)).work]);
    expect(performance.now() - start).toBeGreaterThan(800);
    expect(receiver.requests).toHaveLength(2);
    expect(receiver.commands).toHaveLength(2);
  });

  it("commands on disk: only until they are there", async () => {
    await receiver.down();
    const outbox = mkdtempSync(join(tmpdir(), "kmkit-hono-"));
    const client = durable({ url: receiver.url, key: "k", outbox, onError: () => {} });
    onTestFinished(async () => {
      await client.close(1);
      rmSync(outbox, { recursive: true, force: true });
    });
    await (await held(client)).work;
    expect(client.stats()).toMatchObject({ sent: 0, kept: 1, durable: true });
  });

  it("nothing: then not at all", async () => {
    const client = createKm({ url: "http://127.0.0.1:1", key: "k" });
    const start = performance.now();
    await client.safe();
    expect(performance.now() - start).toBeLessThan(100);
  });
});

describe("an edge runtime of Vercel's", () => {
  it("has none of Node's globals, and sends what waits in its memory before it is let go", async () => {
    const script = await bundle("./edgeshop.ts");
    const runtime = startEdge(script, { receiver: receiver.url });
    const handler = createHandler({ runtime });
    expect(runtime.evaluate("typeof process + typeof require + typeof Buffer")).toBe("undefinedundefinedundefined");
    const server = createServer(handler.handler).listen(0);
    onTestFinished(() => void server.close());
    receiver.mode("slow:200");
    const url = `http://localhost:${(server.address() as AddressInfo).port}`;
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(url, { headers: kinds.page })));
    expect(answers.map(({ text, ours }) => [text, ours.length])).toEqual(Array.from({ length: 5 }, () => ["Hello", 2]));
    let over = false;
    const all = handler.waitUntil().then(() => {
      over = true;
    });
    await vi.waitFor(() => expect(receiver.requests).toHaveLength(1));
    expect(over).toBe(false);
    await all;
    expect(runtime.evaluate("shop.client.stats()")).toMatchObject({ recorded: 5, sent: 5, kept: 0 });
    expect(new Set(receiver.commands.map(({ identity }) => identity)).size).toBe(5);
  });
});

it("the worker of the README sends what it promises", async () => {
  const sent: [string, string][] = [];
  vi.stubGlobal("fetch", async (url: string, { body }: { body: Uint8Array }) => {
    sent.push([url, new TextDecoder().decode(body)]);
    return Response.json({ accepted: 1, rejected: [] });
  });
  onTestFinished(() => void vi.unstubAllGlobals());
  const { default: worker } = await import("./worker.ts");
  const work: Promise<unknown>[] = [];
  const context = { waitUntil: (one: Promise<unknown>) => void work.push(one), passThroughOnException: () => {}, props: {} };
  expect(await (await worker.fetch(new Request("http://shop.example/buy", { method: "POST" }), {}, context)).text()).toBe("Thank you!");
  await Promise.all(work);
  expect(sent).toEqual([["https://km.shop.example/v1/commands", expect.stringContaining('"Bought"')]]);
});
