import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { lateHeaders, type Outgoing } from "../src/late.ts";

/** What a client sees of an answer that is written so, with cookies set beneath and ours put late. */
async function seen(write: (response: ServerResponse) => void): Promise<{ cookies: string[]; cache: string | null; type: string | null }> {
  const server = createServer((_, response) => {
    const put = lateHeaders(response as unknown as Outgoing);
    response.setHeader("Set-Cookie", "beneath=1");
    put("set-cookie", "ours=1");
    put("set-cookie", "ours=2");
    put("cache-control", "private");
    write(response);
    response.end("x");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { headers } = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { headers: { connection: "close" } });
  return { cookies: headers.getSetCookie().sort(), cache: headers.get("cache-control"), type: headers.get("content-type") };
}

const own = ["app=1", "app=2"];

it.each<[string, (response: ServerResponse) => void]>([
  ["by name", (r) => r.writeHead(200, { "content-type": "text/x", "cache-control": "public", "set-cookie": own })],
  [
    "in capitals, with a reason",
    (r) => r.writeHead(200, "fine", { "Content-Type": "text/x", "Cache-Control": "public", "Set-Cookie": own }),
  ],
  [
    "as a flat list",
    (r) => r.writeHead(200, ["content-type", "text/x", "cache-control", "public", ...own.flatMap((one) => ["set-cookie", one])]),
  ],
  [
    "as pairs",
    (r) =>
      r.writeHead(200, [
        ["content-type", "text/x"],
        ["cache-control", "public"],
        ["set-cookie", own],
      ] as unknown as string[]),
  ],
])("headers put late stand beside those that are written %s", async (_, write) => {
  expect(await seen(write)).toEqual({ cookies: [...own, "beneath=1", "ours=1", "ours=2"], cache: "private", type: "text/x" });
});

it.each<[string, (response: ServerResponse) => void]>([
  ["by nobody", () => {}],
  ["by a status alone", (r) => r.writeHead(200)],
  ["by a status and a reason", (r) => r.writeHead(200, "fine")],
])("headers put late stand beside those set beneath, where the head is written %s", async (_, write) => {
  expect(await seen(write)).toEqual({ cookies: ["beneath=1", "ours=1", "ours=2"], cache: "private", type: null });
});
