import http from "node:http";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { hashOf, type KeyEntry } from "../src/keyfile.ts";
import { createAccess, type Key } from "../src/keys.ts";
import { get, person, post, type Running, record, runCollector, somebody } from "./collector-fixture.ts";

const keys: Key[] = [
  { key: "key-of-shop", product: "shop", kind: "server" },
  { key: "second-key-of-shop", product: "shop", kind: "server" },
  { key: "key-of-blog", product: "blog", kind: "server" },
];
const admin = "the-admin-token";
const reader = { authorization: `Bearer ${admin}` };

describe("a collector with keys", () => {
  let running: Running;
  let url: string;
  beforeAll(async () => {
    running = await runCollector({ keys, admin });
    url = running.url;
  });
  afterAll(() => running.end());

  it.each<[string, Record<string, string>]>([
    ["no key", { authorization: "" }],
    ["an unknown key", { authorization: "Bearer key-of-nobody" }],
    ["the key of a collector without keys", { authorization: "Bearer local" }],
    ["an empty key", { authorization: "Bearer " }],
    ["a key in another scheme", { authorization: `Basic ${Buffer.from("key-of-shop:").toString("base64")}` }],
    ["a key with something behind it", { authorization: "Bearer key-of-shop x" }],
    ["part of a key", { authorization: "Bearer key-of-sho" }],
    ["a key in upper case", { authorization: "Bearer KEY-OF-SHOP" }],
    ["the admin token", reader],
    ["two keys", { authorization: "Bearer key-of-shop, Bearer key-of-blog" }],
  ])("refuses commands with %s: 401, and nothing is stored", async (_, headers) => {
    const who = somebody();
    const answer = await post(url, record(who, "x"), headers);
    expect(answer).toMatchObject({ status: 401, json: { code: "KM_KEY_REFUSED" } });
    expect(answer.headers.get("www-authenticate")).toContain("Bearer");
    expect((await get(`${url}/v1/people/${who}?product=shop`, reader)).status).toBe(404);
  });

  it("counts commands with a key that is not ours, by its first characters", async () => {
    const counted = async (shown: string) => {
      const { refused } = (await get(`${url}/v1/status`, reader)).json as { refused: { code: string; key?: string; count: number }[] };
      return refused.find(({ code, key }) => code === "KM_KEY_REFUSED" && key === shown)?.count ?? 0;
    };
    await post(url, record("x", "x"), { authorization: "Bearer unheard-of-key" });
    await post(url, record("x", "x"), { authorization: "Bearer unheard-of-key" });
    expect(await counted("unhe…")).toBe(2);
    const before = await counted("");
    await post(url, record("x", "x"), { authorization: "" });
    expect(await counted("")).toBe(before + 1);
  });

  it("refuses commands without an Authorization header at all", async () => {
    const response = await fetch(`${url}/v1/commands`, { method: "POST", body: record("x", "x") });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([401, "KM_KEY_REFUSED"]);
  });

  it("never tells a key or token in an answer", async () => {
    const response = await fetch(`${url}/v1/commands`, { method: "POST", body: "x", headers: { authorization: "Bearer key-of-nobody" } });
    expect(await response.text()).not.toMatch(/key-of|admin-token/);
  });

  it("takes commands with each of its keys, the scheme in any case, and keeps products apart", async () => {
    const who = somebody();
    await post(url, record(who, "in shop"), { authorization: "Bearer key-of-shop" });
    await post(url, record(who, "in shop again"), { authorization: "bearer   second-key-of-shop" });
    await post(url, record(who, "in blog"), { authorization: "Bearer key-of-blog" });
    const events = async (product: string) =>
      (await get(`${url}/v1/people/${who}?product=${product}`, reader)).json.events.map((event: { name: string }) => event.name).sort();
    expect(await events("shop")).toEqual(["in shop", "in shop again"]);
    expect(await events("blog")).toEqual(["in blog"]);
    for (const [product, count] of [
      ["shop", 2],
      ["blog", 1],
    ] as const) {
      const text = await (await fetch(`${url}/v1/export?product=${product}`, { headers: reader })).text();
      expect(text.split("\n").filter((line) => line.includes(who))).toHaveLength(count);
    }
  });

  it("needs to be told which product is read", async () => {
    expect(await get(`${url}/v1/people/x`, reader)).toMatchObject({ status: 404, json: { code: "KM_PRODUCT_UNKNOWN" } });
    expect(await get(`${url}/v1/people/x?product=local`, reader)).toMatchObject({ status: 404, json: { code: "KM_PRODUCT_UNKNOWN" } });
    expect(await get(`${url}/v1/export`, reader)).toMatchObject({ status: 404, json: { code: "KM_PRODUCT_UNKNOWN" } });
  });

  it.each(["/v1/people/x?product=shop", "/v1/export?product=shop", "/v1/status", "/v1/nothing"])(
    "shows %s to nobody without the admin token",
    async (path) => {
      const status = async (headers: Record<string, string>, query = "") => (await fetch(`${url}${path}${query}`, { headers })).status;
      for (const authorization of [
        "",
        "Bearer",
        "Bearer wrong",
        "Bearer key-of-shop",
        `Basic ${admin}`,
        `Bearer ${admin}x`,
        `Bearer x ${admin}`,
      ]) {
        const answer = await get(`${url}${path}`, { authorization });
        expect(answer).toMatchObject({ status: 401, json: { code: "KM_TOKEN_REFUSED" } });
        expect(answer.headers.get("www-authenticate")).toContain("Bearer");
      }
      expect(await status({}, `${path.includes("?") ? "&" : "?"}token=${admin}`)).toBe(401);
      expect(await status(reader)).not.toBe(401);
    },
  );

  it("answers to every host name, since a page of another origin has no token", async () => {
    expect((await withHost(running.port, "km.shop.example", "/healthz")).status).toBe(200);
    expect((await withHost(running.port, "km.shop.example", "/v1/status")).status).toBe(401);
  });

  it("says nothing of itself in healthz", async () => {
    expect((await get(`${url}/healthz`)).json).toEqual({ ok: true });
  });
});

describe("a collector without keys", () => {
  let running: Running;
  beforeAll(async () => {
    running = await runCollector();
  });
  afterAll(() => running.end());

  it.each(["localhost", "LOCALHOST", "localhost:8787", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8787"])(
    "answers to the host %s",
    async (host) => {
      for (const path of ["/healthz", "/v1/status"]) expect((await withHost(running.port, host, path)).status).toBe(200);
    },
  );

  it.each([
    "evil.example",
    "evil.example:8787",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "127.0.0.1.",
    "10.0.0.1",
    "[::2]",
    "localhost:",
    "localhost:x",
    "evil.example:127.0.0.1",
    "localhost@evil.example",
    "xlocalhost",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
  ])("shows and takes nothing under the host %s (DNS rebinding)", async (host) => {
    const who = somebody();
    for (const path of ["/healthz", "/v1/status", "/v1/people/x", `/e?_k=local&_p=${encodeURIComponent(who)}&_n=x`, "/nothing"]) {
      const answer = await withHost(running.port, host, path);
      // What is no host name at all is refused before us.
      expect([421, 400]).toContain(answer.status);
      if (answer.status === 421) expect(answer.text).toContain("KM_HOST_REFUSED");
    }
    expect((await get(`${running.url}/v1/people/${who}`)).status).toBe(404);
  });

  it.each([
    { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" },
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: "http://localhost.evil.example" },
  ])("takes nothing that a page of another site sends: %j", async (headers) => {
    const ask = (path: string, init: RequestInit = {}) =>
      running.collector.fetch(
        new Request(`http://localhost${path}`, { ...init, headers: { host: "localhost", ...headers } as Record<string, string> }),
      );
    const who = somebody();
    for (const path of [`/e?_k=local&_p=${who}&_n=x`, `/a?_k=local&_p=${who}&_n=y`]) expect((await ask(path)).status).toBe(403);
    expect((await ask("/s", { method: "POST", body: new URLSearchParams({ _k: "local", _p: who, a: "1" }) })).status).toBe(403);
    expect((await get(`${running.url}/v1/people/${who}`)).status).toBe(404);
  });

  it.each([
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "none" },
    { origin: "http://localhost:3000" },
    { origin: "http://127.0.0.1:3000" },
  ])("takes what this machine's own pages send: %j", async (headers) => {
    const request = new Request("http://localhost/healthz", { headers: { host: "localhost", ...headers } as Record<string, string> });
    expect((await running.collector.fetch(request)).status).toBe(200);
  });

  it("takes the key local and no other", async () => {
    const who = somebody();
    expect((await post(running.url, record(who, "x"), { authorization: "Bearer local" })).status).toBe(200);
    expect((await post(running.url, record(who, "x"), { authorization: "Bearer other" })).status).toBe(401);
    expect((await person(running.url, who)).events).toHaveLength(1);
  });

  it("answers a request without a socket by the same rules", async () => {
    const ask = (headers: Record<string, string>) => running.collector.fetch(new Request("http://localhost/healthz", { headers }));
    expect((await ask({ host: "localhost" })).status).toBe(200);
    expect((await ask({ host: "evil.example" })).status).toBe(421);
    expect((await ask({})).status).toBe(421);
  });
});

describe("the access rules", () => {
  const one: Key[] = [{ key: "k", product: "p", kind: "server" }];

  it("let nobody read where there is a key but no admin token", () => {
    const access = createAccess(one, undefined);
    expect(access.open).toBe(false);
    for (const header of [undefined, "", "Bearer ", "Bearer k", "Bearer undefined"]) expect(access.mayRead(header)).toBe(false);
  });

  it("take an empty admin token as none: it must not open the door to those who send nothing", () => {
    const access = createAccess(one, "");
    for (const header of [undefined, "", "Bearer ", "Bearer k"]) expect(access.mayRead(header)).toBe(false);
  });

  it("never take an empty key", () => {
    const access = createAccess([...one, { key: "", product: "empty", kind: "server" }], undefined);
    expect(access.writer("")).toBeUndefined();
    expect(access.writer(undefined)).toBeUndefined();
    expect(access.writer("k")).toMatchObject({ name: "p", kind: "server", trust: false });
  });

  it("demand the token also without keys, where one is given", () => {
    const access = createAccess([], "t");
    expect(access.open).toBe(true);
    expect(access.mayRead(undefined)).toBe(false);
    expect(access.mayRead("Bearer t")).toBe(true);
  });

  const entry = (rest: Partial<KeyEntry> = {}): KeyEntry => ({
    ...{ id: "aaaa", hash: hashOf("of-file"), start: "of-f", product: "shop", kind: "browser", created: "2026-01-01T00:00:00.000Z" },
    ...rest,
  });
  /** The keys that are held as they were sent. */
  const held = (access: unknown) => [...(access as { recent: Map<string, unknown> }).recent.keys()];

  it("take a key to the millisecond of its end, and then hold no more of it than its hash", () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1) });
    onTestFinished(() => void vi.useRealTimers());
    const access = createAccess([], undefined);
    access.take([entry({ expires: "2026-01-08T00:00:00.000Z" })]);
    vi.setSystemTime(Date.UTC(2026, 0, 8) - 1);
    expect(access.writer("of-file")).toMatchObject({ name: "shop", kind: "browser", trust: false });
    access.forgetExpired();
    expect(held(access)).toEqual(["of-file"]);
    vi.setSystemTime(Date.UTC(2026, 0, 8));
    access.forgetExpired();
    expect(held(access)).toEqual([]);
    expect(access.writer("of-file")).toBeUndefined();
    expect(held(access)).toEqual([]);
    // Set back, the clock decides as ever.
    vi.setSystemTime(Date.UTC(2026, 0, 7));
    expect(access.writer("of-file")).toBeDefined();
    vi.setSystemTime(Date.UTC(2026, 0, 9));
    expect(access.writer("of-file")).toBeUndefined();
    expect(held(access)).toEqual([]);
  });

  it("hold nothing of a key from the moment it is revoked, nor of one that never was", () => {
    const access = createAccess(one, undefined);
    access.take([entry()]);
    for (const key of ["of-file", "k", "nobody's", "x".repeat(100_000)]) access.writer(key);
    expect(held(access)).toEqual(["of-file", "k"]);
    access.take([entry({ revoked: "2026-01-02T00:00:00.000Z" })]);
    expect(held(access)).toEqual([]);
    expect([access.writer("of-file"), access.writer("k")?.name]).toEqual([undefined, "p"]);
  });

  it("hold a thousand keys at the most as they were sent", () => {
    const many = Array.from({ length: 2500 }, (_, n) => ({ key: `k${n}`, product: "p", kind: "server" as const }));
    const access = createAccess(many, undefined);
    for (const { key } of many) expect(access.writer(key)?.name).toBe("p");
    expect(held(access).length).toBeLessThanOrEqual(1000);
  });

  it("give one object for a key as long as nothing about it changes", () => {
    const access = createAccess(one, undefined);
    access.take([entry()]);
    const [given, kept] = [access.writer("k"), access.writer("of-file")];
    access.take([entry({ label: "new" }), entry({ id: "bbbb", hash: hashOf("another") })]);
    expect([access.writer("k"), access.writer("of-file")]).toEqual([given, kept]);
    expect(access.writer("k")).toBe(given);
    expect(access.writer("of-file")).toBe(kept);
    access.take([entry({ trustBrowserIdentify: true })]);
    expect(access.writer("of-file")).toEqual({ ...kept, trust: true });
  });

  it("let what the file says of a key count, where it was given as well", () => {
    const access = createAccess([{ key: "of-file", product: "local", kind: "server" }], undefined);
    expect(access.writer("of-file")?.name).toBe("local");
    access.take([entry()]);
    expect(access.writer("of-file")).toMatchObject({ name: "shop", kind: "browser" });
    access.take([entry({ revoked: "2026-01-02T00:00:00.000Z" })]);
    expect(access.writer("of-file")).toBeUndefined();
  });

  it("ask for the admin token when there are keys, and not before", () => {
    let asked = 0;
    const access = createAccess([], () => {
      asked += 1;
      return asked > 1 ? "t" : undefined;
    });
    expect([access.mayRead(undefined), asked]).toEqual([true, 0]);
    access.take([]);
    expect([access.open, access.mayRead("Bearer undefined"), access.mayRead("Bearer t"), asked]).toEqual([false, false, true, 2]);
    access.mayRead("Bearer t");
    expect(asked).toBe(2);
  });

  it("change nothing where two products would be one in the store", () => {
    const access = createAccess(one, undefined);
    access.take([entry()]);
    const wrong = [entry({ product: "product-53957" }), entry({ id: "bbbb", hash: hashOf("another"), product: "product-59342" })];
    expect(() => access.take(wrong)).toThrow(expect.objectContaining({ code: "KM_KEYS_BROKEN" }));
    expect([access.writer("of-file")?.name, access.writer("another"), access.productNamed("product-53957")]).toEqual([
      "shop",
      undefined,
      undefined,
    ]);
  });

  it("give a product the same number everywhere and always", () => {
    const other = createAccess([{ key: "other", product: "p", kind: "server" }], "x").writer("other");
    expect(createAccess(one, undefined).writer("k")?.product).toBe(other?.product);
    expect(createAccess([], undefined).writer("local")?.product).toBe(createAccess([], undefined).productNamed(undefined));
  });
});

function withHost(port: number, host: string, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = http.get({ port, host: "127.0.0.1", path, headers: { host } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on("error", reject);
  });
}
