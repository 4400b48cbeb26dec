import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Receiver, startReceiver } from "../src/index.ts";

let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

const body = ["a", "b", "c"]
  .map((id) => JSON.stringify({ id, type: "record", time: 1, identity: "x", name: "y", properties: {} }))
  .join("\n");
const post = (init: RequestInit = {}) => fetch(`${receiver.url}/v1/commands`, { method: "POST", body, ...init });
const ids = () => receiver.commands.map((command) => command.id).join("");

it("takes commands, plain and gzip, and shows the requests", async () => {
  expect(await (await post({ headers: { authorization: "Bearer k" } })).json()).toEqual({ accepted: 3, rejected: [] });
  await post({ body: gzipSync(body), headers: { "content-encoding": "gzip" } });
  expect(ids()).toBe("abcabc");
  expect(receiver.requests).toMatchObject([
    { method: "POST", path: "/v1/commands", headers: { authorization: "Bearer k" }, text: body },
    { text: body },
  ]);
  receiver.clear();
  expect([receiver.commands, receiver.requests]).toEqual([[], []]);
});

it("misbehaves as it is told", async () => {
  receiver.mode("status:503");
  expect((await post()).status).toBe(503);
  receiver.mode("retry-after:Wed, 21 Oct 2026 07:28:00 GMT");
  const busy = await post();
  expect([busy.status, busy.headers.get("retry-after")]).toEqual([429, "Wed, 21 Oct 2026 07:28:00 GMT"]);
  receiver.mode("reset");
  await expect(post()).rejects.toThrow();
  receiver.mode("hang");
  await expect(post({ signal: AbortSignal.timeout(50) })).rejects.toThrow();
  receiver.mode("too-large:2");
  expect((await post()).status).toBe(413);
  expect(ids()).toBe("");
  receiver.mode("lost-reply");
  await expect(post()).rejects.toThrow();
  expect(ids()).toBe("abc");
  receiver.mode("partial:KM_NAME_EMPTY");
  expect(await (await post()).json()).toMatchObject({ accepted: 2, rejected: [{ index: 0, code: "KM_NAME_EMPTY" }] });
  receiver.mode("slow:20");
  expect((await post()).status).toBe(200);
  expect(ids()).toBe("abcbcabc");
  expect(receiver.requests).toHaveLength(8);
});

it("goes down and comes back on the same port", async () => {
  receiver.mode("hang");
  const hanging = post();
  await expect.poll(() => receiver.requests.length).toBe(1);
  await receiver.down();
  await expect(hanging).rejects.toThrow();
  await expect(post()).rejects.toThrow();
  await receiver.up();
  receiver.mode("accept");
  expect((await post()).status).toBe(200);
});
