import { randomUUID } from "node:crypto";
import http from "node:http";
import net from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { alias, get, ndjson, person, post, type Running, raw, record, runCollector, set, somebody } from "./collector-fixture.ts";

let running: Running;
let url: string;
beforeAll(async () => {
  running = await runCollector();
  url = running.url;
});
afterAll(() => running.end());

const now = Date.now();
const day = 86_400_000;

describe("a batch", () => {
  it("is taken, and the person is complete right after the answer", async () => {
    const bob = somebody("bob");
    const anonymous = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11";
    const answer = await post(
      url,
      ndjson(
        record(anonymous, "Viewed Home", {}, { time: now - 2000 }),
        alias(anonymous, bob),
        record(bob, "Signed Up", { Plan: "Pro", Seats: 5, Trial: true }, { time: now - 1000 }),
      ),
    );
    expect(answer).toMatchObject({ status: 200, json: { accepted: 3, rejected: [] } });
    expect(answer.headers.get("content-type")).toContain("application/json");
    const found = await person(url, bob);
    expect(found.identities.map((one) => [one.identity, one.anonymous])).toEqual([
      [anonymous, true],
      [bob, false],
    ]);
    expect(found.events.map((event) => event.name)).toEqual(["Signed Up", "Viewed Home"]);
    expect(found.events[0]).toMatchObject({ time: now - 1000, identity: bob, properties: { Plan: "Pro", Seats: 5, Trial: true } });
    expect(Object.keys(found.properties).sort()).toEqual(["Plan", "Seats", "Trial"]);
    expect(found.next).toBeNull();
  });

  it("counts once that is sent three times, two of them at the same moment", async () => {
    const who = somebody();
    const body = ndjson(record(who, "Paid", { Amount: 99.95 }), set(who, { Plan: "Pro" }), alias(who, `${who}.de`), record(who, "Left"));
    const before = (await status()).stored;
    for (const { json } of await Promise.all([post(url, body), post(url, body)])) expect(json.accepted).toBe(4);
    await post(url, body);
    const found = await person(url, who);
    expect(found.events).toHaveLength(2);
    expect(found.identities).toMatchObject([{ identity: who, commands: 3 }]);
    expect((await status()).stored - before).toBe(4);
  });

  it("may have 10,000 commands", async () => {
    const who = somebody();
    const lines = Array.from({ length: 10_000 }, (_, n) => record(who, `Step ${n % 7}`, { n, page: `/p/${n}` }, { time: now - n }));
    expect((await post(url, ndjson(...lines))).json).toEqual({ accepted: 10_000, rejected: [] });
    expect((await person(url, who)).identities).toMatchObject([{ commands: 10_000 }]);
  });

  it("may be empty, may have blank lines and CRLF, and need not end with a newline", async () => {
    const who = somebody();
    for (const body of ["", "\n", "\r\n \n\t\n"])
      expect(await post(url, body)).toMatchObject({ status: 200, json: { accepted: 0, rejected: [] } });
    const body = `\n${record(who, "a")}\r\n\r\n   \n${record(who, "b")}\n\n{"type":7}\r\n${record(who, "c")}`;
    const answer = await post(url, body);
    expect(answer.json).toMatchObject({ accepted: 3, rejected: [{ index: 6, code: "KM_TYPE_INVALID" }] });
    expect((await person(url, who)).events).toHaveLength(3);
  });

  it("may be gzip, in upper case too, of several members, and with a wrong content type", async () => {
    const who = somebody();
    const zipped = gzipSync(ndjson(record(who, "a"), record(who, "b")));
    expect((await post(url, zipped, { "content-encoding": "gzip" })).json.accepted).toBe(2);
    expect((await post(url, zipped, { "content-encoding": "GZIP", "content-type": "application/json" })).json.accepted).toBe(2);
    const members = Buffer.concat([gzipSync(ndjson(record(who, "c"))), gzipSync(ndjson(record(who, "d")))]);
    expect((await post(url, members, { "content-encoding": "x-gzip" })).json.accepted).toBe(2);
    expect((await person(url, who)).events).toHaveLength(4);
  });

  it("may come in chunks without a length, cut in the middle of a character", async () => {
    const who = somebody();
    const bytes = Buffer.from(ndjson(record(who, "Grüezi 🙂"), record(who, "b")));
    const cut = bytes.indexOf("🙂") + 2;
    const request = http.request(`${url}/v1/commands`, { method: "POST", headers: { authorization: "Bearer local" } });
    const answered = new Promise<string>((resolve, reject) => {
      request.on("error", reject);
      request.on("response", (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve(text));
      });
    });
    await new Promise((resolve) => request.write(bytes.subarray(0, cut), resolve));
    request.end(bytes.subarray(cut));
    expect(JSON.parse(await answered)).toEqual({ accepted: 2, rejected: [] });
    expect((await person(url, who)).events.map((event) => event.name)).toContain("Grüezi 🙂");
  });
});

describe("a broken line", () => {
  const base = { type: "record", id: "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11", time: now, identity: "x", name: "x", properties: {} };
  const broken = (rest: object): string => JSON.stringify({ ...base, ...rest });
  const without = (member: string): string => JSON.stringify({ ...base, [member]: undefined });

  it.each<[string, string | Buffer, string]>([
    ["that is not JSON", "{nonsense", "KM_LINE_INVALID"],
    ["that is cut off", record("x", "x").slice(0, -5), "KM_LINE_INVALID"],
    ["that is a list", "[1,2]", "KM_LINE_INVALID"],
    ["that is text", '"record"', "KM_LINE_INVALID"],
    ["that is null", "null", "KM_LINE_INVALID"],
    ["that is a number", "42", "KM_LINE_INVALID"],
    ["that has two commands in it", `${record("x", "x")}${record("x", "y")}`, "KM_LINE_INVALID"],
    ["that is not UTF-8", Buffer.from('{"type":"record","identity":"b\xfcb"}', "latin1"), "KM_LINE_INVALID"],
    ["nested 100,000 deep", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, "KM_LINE_INVALID"],
    ["of more than 512 K characters", record("x", "x", { v: "y".repeat(600_000) }), "KM_COMMAND_TOO_LARGE"],
    ["without a type", without("type"), "KM_TYPE_INVALID"],
    ["of an unknown type", broken({ type: "identify" }), "KM_TYPE_INVALID"],
    ["of a type in upper case", broken({ type: "Record" }), "KM_TYPE_INVALID"],
    ["of the type of our own name rows", broken({ type: "name", product: 1, kind: "event" }), "KM_TYPE_INVALID"],
    ["without an id", without("id"), "KM_ID_INVALID"],
    ["with an id that is no UUID", broken({ id: "evt_1" }), "KM_ID_INVALID"],
    ["with a number as id", broken({ id: 7 }), "KM_ID_INVALID"],
    ["without a time", without("time"), "KM_TIME_INVALID"],
    ["with a time as text", broken({ time: "2026-01-01T00:00:00Z" }), "KM_TIME_INVALID"],
    ["with an endless time", `{"type":"record","id":"${base.id}","time":1e999,"identity":"x","name":"x"}`, "KM_TIME_INVALID"],
    ["with a time in microseconds", broken({ time: now * 1000 }), "KM_TIME_RANGE"],
    ["with a time before 2009", broken({ time: Date.UTC(2009, 0, 1) - 1 }), "KM_TIME_RANGE"],
    ["with a time before 2009 in seconds", broken({ time: Date.UTC(2008, 11, 31) / 1000 }), "KM_TIME_RANGE"],
    ["with a negative time", broken({ time: -1 }), "KM_TIME_RANGE"],
    ["with the time 0", broken({ time: 0 }), "KM_TIME_RANGE"],
    ["more than a day ahead", broken({ time: now + day + 600_000 }), "KM_TIME_RANGE"],
    ["without an identity", without("identity"), "KM_IDENTITY_INVALID"],
    ["with an empty identity", broken({ identity: "" }), "KM_IDENTITY_EMPTY"],
    ["with an identity of 256 characters", broken({ identity: "a".repeat(256) }), "KM_IDENTITY_TOO_LONG"],
    ["with an object as identity", broken({ identity: { id: 1 } }), "KM_IDENTITY_INVALID"],
    ["with a list as identity", broken({ identity: ["bob"] }), "KM_IDENTITY_INVALID"],
    ["with true as identity", broken({ identity: true }), "KM_IDENTITY_INVALID"],
    ["with null as identity", broken({ identity: null }), "KM_IDENTITY_INVALID"],
    ["with half a character in the identity", broken({ identity: "a\ud800b" }), "KM_IDENTITY_INVALID"],
    ["without a name", without("name"), "KM_NAME_INVALID"],
    ["with an empty name", broken({ name: "" }), "KM_NAME_EMPTY"],
    ["with a name of commas and spaces", broken({ name: " ,: \t" }), "KM_NAME_EMPTY"],
    ["with a number as name", broken({ name: 7 }), "KM_NAME_INVALID"],
    ["with a name of 256 characters", broken({ name: "a".repeat(256) }), "KM_NAME_TOO_LONG"],
    ["with a name of 400 K characters", broken({ name: "a".repeat(400_000) }), "KM_NAME_TOO_LONG"],
    ["with a name of 1 MB", broken({ name: "a".repeat(1 << 20) }), "KM_COMMAND_TOO_LARGE"],
    ["with text as properties", broken({ properties: "Plan=Pro" }), "KM_PROPERTIES_INVALID"],
    ["with a list as properties", broken({ properties: [1] }), "KM_PROPERTIES_INVALID"],
    ["with a nested property", broken({ properties: { good: 1, address: { city: "Bern" } } }), "KM_PROPERTY_INVALID"],
    ["with a list as property", broken({ properties: { tags: ["a"] } }), "KM_PROPERTY_INVALID"],
    [
      "with an endless number",
      `{"type":"set","id":"${base.id}","time":${now},"identity":"x","properties":{"n":1e999}}`,
      "KM_PROPERTY_INVALID",
    ],
    ["with an empty property name", broken({ properties: { "": 1 } }), "KM_NAME_EMPTY"],
    ["with a property name of 256 characters", broken({ properties: { ["p".repeat(256)]: 1 } }), "KM_NAME_TOO_LONG"],
    ["with a value of 8,193 characters", broken({ properties: { v: "y".repeat(8193) } }), "KM_VALUE_TOO_LONG"],
    [
      "with 1,001 properties",
      broken({ properties: Object.fromEntries(Array.from({ length: 1001 }, (_, n) => [`p${n}`, n])) }),
      "KM_PROPERTIES_TOO_MANY",
    ],
    ["that ties to nothing", alias("x", ""), "KM_IDENTITY_EMPTY"],
    ["that ties to an object", alias("x", {}), "KM_IDENTITY_INVALID"],
    ["that ties to half a character", alias("x", "\udc00"), "KM_IDENTITY_INVALID"],
    ["that ties to 256 characters", alias("x", "a".repeat(256)), "KM_IDENTITY_TOO_LONG"],
    ["that ties a placeholder", alias("undefined", "x"), "KM_IDENTITY_JUNK"],
    ["that ties to a placeholder in upper case and space", alias("x", " [OBJECT Object] "), "KM_IDENTITY_JUNK"],
    ["that ties the number 0", alias(0, "x"), "KM_IDENTITY_JUNK"],
  ])("%s is named, and its neighbours are kept", async (_, line, code) => {
    const who = somebody();
    const body = Buffer.concat([
      Buffer.from(`${record(who, "before")}\n`),
      Buffer.from(line as string),
      Buffer.from(`\n${record(who, "after")}`),
    ]);
    const answer = await post(url, body);
    expect(answer.status).toBe(200);
    expect(answer.json.accepted).toBe(2);
    expect(answer.json.rejected).toEqual([{ index: 1, code, message: expect.stringMatching(/\.( \(|$)/) }]);
    expect(answer.json.rejected[0].message.length).toBeLessThan(500);
    expect((await person(url, who)).events.map((event) => event.name).sort()).toEqual(["after", "before"]);
  });

  it("is counted in the status by its code, each time", async () => {
    const before = (await status()).rejected.KM_NAME_EMPTY ?? 0;
    const body = ndjson(record("x", ""), record("x", " "), record(somebody(), "good"));
    await post(url, body);
    await post(url, body);
    expect((await status()).rejected.KM_NAME_EMPTY).toBe(before + 4);
  });
});

describe("an odd command that is good all the same", () => {
  it("keeps edge cases of time: seconds, parts of a millisecond, the first day of 2009, 23 hours ahead", async () => {
    const who = somebody();
    const second = Math.floor(now / 1000);
    const lines = [second, second + 0.25, now + 0.6, Date.UTC(2009, 0, 1), now + day - 3_600_000].map((time) =>
      record(who, "x", {}, { time }),
    );
    expect((await post(url, ndjson(...lines))).json).toEqual({ accepted: 5, rejected: [] });
    expect((await person(url, who)).events.map((event) => event.time).sort((a, b) => a - b)).toEqual(
      [second * 1000, second * 1000 + 250, now + 1, Date.UTC(2009, 0, 1), now + day - 3_600_000].sort((a, b) => a - b),
    );
  });

  it("takes numbers as identities, names and values at their bounds, and null properties as none", async () => {
    const identity = "i".repeat(255);
    const value = "v".repeat(8192);
    const name = "N".repeat(255);
    const answer = await post(
      url,
      ndjson(
        record(42, "by number", null),
        record("42", "by text", undefined),
        record(identity, name, { [name]: value, nothing: null, half: "a\ud800" }),
        set(identity, Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`p${n}`, n]))),
      ),
    );
    expect(answer.json).toEqual({ accepted: 4, rejected: [] });
    expect((await person(url, "42")).events).toHaveLength(2);
    const found = await person(url, identity);
    expect(found.events).toMatchObject([{ name, properties: { [name]: value, half: "a\ufffd" } }]);
    expect(Object.keys(found.properties)).toHaveLength(1002);
  });

  it("keeps __proto__, constructor and toString as properties like any other, and members that it does not know are left out", async () => {
    const who = somebody();
    const line = `{"type":"record","id":"${randomUUID()}","time":${now},"identity":"${who}","name":"toString","properties":{"__proto__":"5","constructor":"c","toString":1},"__proto__":{"name":"no"},"product":7,"received":1}`;
    expect((await post(url, line)).json).toEqual({ accepted: 1, rejected: [] });
    const response = await fetch(`${url}/v1/people/${encodeURIComponent(who)}`);
    const text = await response.text();
    expect(text).toContain('"__proto__":5');
    expect(JSON.parse(text).events[0].properties).toMatchObject({ constructor: "c", toString: 1 });
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  it("keeps control characters, marks and emoji as they are", async () => {
    const texts = [
      "a\u0000b",
      "a\tb\u007f",
      "\u202eevil",
      "e\u0301",
      "👩‍👩‍👧",
      "a\u2028b",
      "'; DROP TABLE km.commands --",
      "\\N",
      "\\",
      '"',
    ];
    const who = somebody();
    await post(url, ndjson(...texts.map((text, n) => record(`${who}${text}`, `n${text}`, { v: text, [`p${text}`]: n }))));
    for (const [n, text] of texts.entries()) {
      const found = await person(url, `${who}${text}`);
      expect(found.events).toMatchObject([{ name: `n${text}`, properties: { v: text, [`p${text}`]: n } }]);
    }
  });

  it("keeps what stands under a placeholder, but ties it to nobody", async () => {
    const who = somebody();
    const answer = await post(
      url,
      ndjson(record("undefined", "x"), record("undefined", "y"), alias("undefined", who), alias(who, "undefined"), record(who, "z")),
    );
    expect(answer.json).toMatchObject({ accepted: 3, rejected: [{ index: 2 }, { index: 3 }] });
    expect((await person(url, "undefined")).identities.map((one) => one.identity)).toEqual(["undefined"]);
    expect((await person(url, who)).identities.map((one) => one.identity)).toEqual([who]);
  });

  it("is stored whatever program sends it", async () => {
    const who = somebody();
    for (const agent of ["node", "python-httpx/0.27", "curl/8", "", "Googlebot/2.1", "HeadlessChrome"]) {
      expect((await post(url, record(who, `by ${agent}`), { "user-agent": agent })).json.accepted).toBe(1);
    }
    expect((await person(url, who)).events).toHaveLength(6);
  });

  it("with many broken bytes around it is still found", async () => {
    const who = somebody();
    const good = Buffer.from(record(who, "good"));
    const bad = Buffer.from([0x22, 0xff, 0xfe, 0x22]);
    const nl = Buffer.from("\n");
    const answer = await post(url, Buffer.concat([bad, nl, good, nl, nl, bad, nl, good]));
    expect(answer.json).toMatchObject({ accepted: 2, rejected: [{ index: 0 }, { index: 3 }] });
    expect((await person(url, who)).events).toHaveLength(1);
  });
});

describe("a body", () => {
  it("that is not gzip although it says so, cut-off gzip, and another encoding are refused with 400", async () => {
    const zipped = gzipSync(ndjson(record("x", "x", { v: "y".repeat(5000) })));
    for (const [body, encoding] of [
      [Buffer.from("nonsense"), "gzip"],
      [zipped.subarray(0, zipped.length - 10), "gzip"],
      [zipped, "br"],
      [zipped, "gzip, gzip"],
    ] as const) {
      expect(await post(url, body, { "content-encoding": encoding })).toMatchObject({ status: 400, json: { code: "KM_BODY_BROKEN" } });
    }
  });

  it("of 9 MB is refused with 413, with a length and without", async () => {
    const body = Buffer.alloc(9 << 20, "x");
    expect(await post(url, body)).toMatchObject({ status: 413, json: { code: "KM_BODY_TOO_LARGE" } });
    const stream = new ReadableStream({
      start(controller) {
        for (let at = 0; at < body.length; at += 1 << 16) controller.enqueue(body.subarray(at, at + (1 << 16)));
        controller.close();
      },
    });
    const init = { method: "POST", headers: { authorization: "Bearer local", host: "localhost" }, body: stream, duplex: "half" };
    const response = await running.collector.fetch(new Request(`${url}/v1/commands`, init as RequestInit));
    expect([response.status, await response.json()]).toMatchObject([413, { code: "KM_BODY_TOO_LARGE" }]);
  });

  it("that unpacks to 1 GB is refused with 413 and costs no memory", async () => {
    // A gigabyte of zeros: a thousand gzip members of 1 MB.
    const bomb = Buffer.concat(Array<Buffer>(1024).fill(gzipSync(Buffer.alloc(1 << 20))));
    expect(bomb.length).toBeLessThan(2 << 20);
    await post(url, bomb, { "content-encoding": "gzip" });
    const before = process.memoryUsage().rss;
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 5);
    for (let n = 0; n < 5; n++) {
      expect(await post(url, bomb, { "content-encoding": "gzip" })).toMatchObject({ status: 413, json: { code: "KM_BODY_TOO_LARGE" } });
    }
    clearInterval(watch);
    expect(peak - before).toBeLessThan(150 << 20);
  });

  it("of a million lines is refused with 413, before it costs memory", async () => {
    const before = process.memoryUsage().rss;
    for (const line of ["x\n", "\n", "{}\n"]) {
      const zipped = gzipSync(Buffer.alloc(line.length * 1_000_000, line));
      const { status, json } = await post(url, zipped, { "content-encoding": "gzip" });
      expect([status, json.code]).toEqual([413, "KM_BODY_TOO_LARGE"]);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(150 << 20);
  });

  it("that breaks off is not stored in part, and the collector goes on", async () => {
    const who = somebody();
    const body = ndjson(record(who, "a"), record(who, "b"));
    const head = `POST /v1/commands HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer local\r\nConnection: close\r\nContent-Length: `;
    await new Promise<void>((resolve) => {
      const socket = net.connect(running.port, "127.0.0.1", () => {
        socket.write(`${head}${body.length + 100}\r\n\r\n${body}`, () => socket.resetAndDestroy());
      });
      socket.on("close", () => resolve());
      socket.on("error", () => {});
    });
    // Ended, not reset, and still too short.
    await raw(running.port, `${head}${body.length + 100}\r\n\r\n${body}`, "127.0.0.1", true);
    expect((await get(`${url}/v1/people/${who}`)).status).toBe(404);
    // A length that is too small cuts the last command.
    await raw(running.port, `${head}${body.length - 20}\r\n\r\n${body}`);
    const { json } = await get(`${url}/v1/people/${who}`);
    expect((json.events ?? []).map((event: { name: string }) => event.name)).not.toContain("b");
    expect((await get(`${url}/healthz`)).status).toBe(200);
  });

  it("that comes while the client waits for 100-continue is asked for", async () => {
    const who = somebody();
    const request = http.request(`${url}/v1/commands`, {
      method: "POST",
      headers: { authorization: "Bearer local", expect: "100-continue" },
    });
    request.on("continue", () => request.end(record(who, "x")));
    request.flushHeaders();
    const code = await new Promise((resolve, reject) =>
      request.on("error", reject).on("response", (response) => resolve(response.resume().statusCode)),
    );
    expect(code).toBe(200);
    expect((await person(url, who)).events).toHaveLength(1);
  });
});

describe("the status", () => {
  it("counts what is stored and what waits, which soon is nothing", async () => {
    const before = await status();
    expect(before).toMatchObject({ durable: true, fault: null, setAside: 0 });
    await post(url, ndjson(record(somebody(), "a"), record(somebody(), "b"), record(somebody(), "")));
    await vi.waitFor(async () => expect(await status()).toMatchObject({ waiting: 0, waitingBytes: 0, stored: before.stored + 2 }), 5000);
  });

  it("is well after all of this: nothing was reported, nothing set aside", async () => {
    expect(running.errors).toEqual([]);
    expect((await status()).setAside).toBe(0);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: an answer
async function status(): Promise<any> {
  return (await get(`${url}/v1/status`)).json;
}
