import net from "node:net";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { alias, get, ndjson, person, post, type Running, raw, record, runCollector, somebody } from "./collector-fixture.ts";

let running: Running;
let url: string;
beforeAll(async () => {
  running = await runCollector();
  url = running.url;
});
afterAll(() => running.end());

const second = Math.floor(Date.now() / 1000) - 3600;

/** Calls the classic API; every answer must be 200 and a picture. */
async function call(path: string, init: RequestInit = {}): Promise<void> {
  const response = await fetch(`${url}${path}`, init);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("image/gif");
  expectPixel(new Uint8Array(await response.arrayBuffer()));
}

/** Decodes as much of a GIF as tells that it is one of one transparent pixel. */
function expectPixel(bytes: Uint8Array): void {
  const gif = Buffer.from(bytes);
  expect(gif.subarray(0, 6).toString()).toBe("GIF89a");
  expect([gif.readUInt16LE(6), gif.readUInt16LE(8)]).toEqual([1, 1]);
  // A global colour table of two colours, a graphic control extension that says transparent, an image of 1x1, the trailer.
  expect(gif.readUInt8(10) & 0x87).toBe(0x80);
  const control = gif.indexOf(Buffer.from([0x21, 0xf9, 0x04]));
  expect(control).toBe(19);
  expect(gif.readUInt8(control + 3) & 1).toBe(1);
  const image = control + 8;
  expect(gif.readUInt8(image)).toBe(0x2c);
  expect([gif.readUInt16LE(image + 5), gif.readUInt16LE(image + 7)]).toEqual([1, 1]);
  expect(lzwPixels(gif.subarray(image + 10))).toBe(1);
  expect(gif.at(-1)).toBe(0x3b);
}

/** How many pixels the LZW data (GIF89a, appendix F) of a picture of two colours gives. */
function lzwPixels(data: Buffer): number {
  const least = data.readUInt8(0);
  const block = data.subarray(2, 2 + data.readUInt8(1));
  const [clear, end] = [1 << least, (1 << least) + 1];
  let [bits, width, pixels] = [0, least + 1, 0];
  for (;;) {
    let code = 0;
    for (let n = 0; n < width; n++, bits++) code |= (((block[bits >> 3] as number) >> (bits & 7)) & 1) << n;
    if (code === end) return pixels;
    if (code !== clear) pixels += 1;
    if (pixels > 1) return pixels;
    if (bits + width > block.length * 8) throw new Error("the picture's data ends without an end code");
  }
}

const encode = encodeURIComponent;

describe("a classic call", () => {
  it("records an event with properties, at its own second, typed by the values", async () => {
    const who = somebody();
    await call(`/e?_k=local&_p=${encode(who)}&_n=Signed+Up&_t=${second}&_d=1&Plan=Pro&Seats=5&Trial=true&Empty=`);
    const found = await person(url, who);
    expect(found.events).toMatchObject([
      { name: "Signed Up", time: second * 1000, identity: who, properties: { Plan: "Pro", Seats: 5, Trial: true, Empty: "" } },
    ]);
    expect(found.properties.Plan).toEqual({ value: "Pro", time: second * 1000 });
  });

  it("sets properties without an event, and an event without a name is a set", async () => {
    const who = somebody();
    await call(`/s?_k=local&_p=${encode(who)}&Plan=Pro&_n=Ignored&_t=${second}&_d=1`);
    await call(`/e?_k=local&_p=${encode(who)}&_n=&Tier=Gold&_t=${second}&_d=1`);
    await call(`/e?_k=local&_p=${encode(who)}&Colour=red&_t=${second}&_d=1`);
    await call(`/e?_k=local&_p=${encode(who)}&_n=+,:+&Size=L&_t=${second}&_d=1`);
    // Nothing at all is said by these.
    await call(`/s?_k=local&_p=${encode(who)}`);
    await call(`/e?_k=local&_p=${encode(who)}&_n=`);
    const found = await person(url, who);
    expect(found.events).toEqual([]);
    expect(Object.keys(found.properties).sort()).toEqual(["Colour", "Plan", "Size", "Tier"]);
    expect(found.identities).toMatchObject([{ commands: 4 }]);
  });

  it("ties two identities, in either order, repeatedly, with and without a time", async () => {
    const [a, b, c] = [somebody("a"), somebody("b"), somebody("c")];
    for (const who of [a, b, c]) await call(`/e?_k=local&_p=${encode(who)}&_n=x`);
    await call(`/a?_k=local&_p=${encode(a)}&_n=${encode(b)}`);
    await call(`/a?_k=local&_p=${encode(b)}&_n=${encode(a)}&_t=${second}&_d=1`);
    await call(`/a?_k=local&_p=${encode(c)}&_n=${encode(b)}`);
    expect((await person(url, a)).identities.map((one) => one.identity).sort()).toEqual([a, b, c]);
  });

  it("lands on the same person as the middleware's commands", async () => {
    const [anonymous, bob] = ["nbTo2Y6gBMjpu12wKz5pgPBeIXk=", somebody("bob")];
    await post(url, ndjson(record(bob, "From the server"), alias(anonymous, bob)));
    await call(`/e?_k=local&_p=${encode(anonymous)}&_n=From+the+page`);
    expect((await person(url, bob)).events.map((event) => event.name).sort()).toEqual(["From the page", "From the server"]);
  });

  it("counts once that is repeated within its second: same person, name in any case, second, whatever the properties", async () => {
    const who = somebody();
    for (const query of [
      `_n=Signed+Up&Plan=Pro&_t=${second}&_d=1`,
      `_n=Signed+Up&Plan=Pro&_t=${second}&_d=1`,
      `_n=SIGNED+UP&_t=${second}.7&_d=1`,
      `_n=signed%3AUp&Other=1&_t=${second}321&_d=1`,
    ]) {
      await call(`/e?_k=local&_p=${encode(who)}&${query}`);
    }
    await call(`/e?_k=local&_p=${encode(who)}&_n=Signed+Up&_t=${second + 1}&_d=1`);
    await call(`/e?_k=local&_p=${encode(who)}&_n=Signed+In&_t=${second}&_d=1`);
    const found = (await person(url, who)).events.map((event) => `${event.name.toLowerCase()} ${event.time / 1000 - second}`);
    expect(found.sort()).toEqual(["signed in 0", "signed up 0", "signed up 1"]);
  });

  it("keeps both of two sets within one second that say different things, and one of two that say the same", async () => {
    const who = somebody();
    for (const query of ["Plan=Pro", "Plan=Pro", "Tier=Gold"]) await call(`/s?_k=local&_p=${encode(who)}&${query}&_t=${second}&_d=1`);
    const found = await person(url, who);
    expect(Object.keys(found.properties).sort()).toEqual(["Plan", "Tier"]);
    expect(found.identities).toMatchObject([{ commands: 2 }]);
  });

  it.each<[string, string, number | "now" | "none"]>([
    ["seconds with _d=1", `_t=${second}&_d=1`, second],
    ["milliseconds with _d=1", `_t=${second}123&_d=1`, second],
    ["a float with _d=1", `_t=${second}.9&_d=1`, second],
    ["_d=true", `_t=${second}&_d=true`, second],
    ["_d=True", `_t=${second}&_d=True`, second],
    ["_t twice: the last", `_t=1&_t=${second}&_d=1`, second],
    ["_d before _t", `_d=1&_t=${second}`, second],
    ["no _d", `_t=${second}`, "now"],
    ["_d=0", `_t=${second}&_d=0`, "now"],
    ["_d twice: the last", `_t=${second}&_d=1&_d=0`, "now"],
    ["_d=1 without _t", "_d=1", "now"],
    ["_d=1 with an empty _t", "_t=&_d=1", "now"],
    ["nonsense as _t without _d", "_t=yesterday", "now"],
    ["nonsense as _t", "_t=yesterday&_d=1", "none"],
    ["a time before 2009", "_t=1199145600&_d=1", "none"],
    ["a time of two days ahead", `_t=${second + 180_000}&_d=1`, "none"],
    ["_t and _d glued together, as the documentation's URL builder does", `_t=${second}_d=1`, second],
  ])("with %s takes the right time", async (_, query, expected) => {
    const who = somebody();
    const before = Math.floor(Date.now() / 1000) * 1000;
    await call(`/e?_k=local&_p=${encode(who)}&_n=x&${query}`);
    if (expected === "none") return expect((await get(`${url}/v1/people/${who}`)).status).toBe(404);
    const [event] = (await person(url, who)).events;
    if (typeof expected === "number") return expect(event?.time).toBe(expected * 1000);
    expect(event?.time).toBeGreaterThanOrEqual(before);
    return expect(event?.time).toBeLessThanOrEqual(Date.now());
  });

  it.each<[string, string, string]>([
    ["%2B %2F %3D", "nb%2BTo2Y6gB%2FjpuwKz5pgPBeIXk%3D", "nb+To2Y6gB/jpuwKz5pgPBeIXk="],
    ["an @ as %40", "classic%40shop.example", "classic@shop.example"],
    ["+ for a space", "Ann+Lee", "Ann Lee"],
    ["%20 for a space", "Bob%20Lee", "Bob Lee"],
    ["unescaped ~()*!'[]", "c~()*!'[]", "c~()*!'[]"],
    ["a semicolon", "d;e", "d;e"],
    ["an = that is not escaped", "nbTo2Y6gBMjpu12wKz5pgPB000A=", "nbTo2Y6gBMjpu12wKz5pgPB000A="],
    ["UTF-8", "%C3%BC%F0%9F%99%82", "ü🙂"],
    ["a bad percent sequence", "50%-off%zz", "50%-off%zz"],
    ["a percent sign at the end", "100%", "100%"],
  ])("reads %s in an identity", async (_, written, identity) => {
    await call(`/e?_k=local&_n=x&_p=${written}`);
    expect((await person(url, identity)).identities.map((one) => one.identity)).toEqual([identity]);
  });

  it("takes the last of a repeated parameter, and never keeps _ip, _ua and the like as properties", async () => {
    const who = somebody();
    await call(`/e?_k=wrong&_p=first&_n=First&Plan=Free&_ip=1.2.3.4&_ua=x&_k=local&_p=${encode(who)}&_n=Last&Plan=Pro&=empty&+=blank`);
    expect((await person(url, who)).events).toMatchObject([{ name: "Last", properties: { Plan: "Pro" } }]);
    expect(Object.keys((await person(url, who)).properties)).toEqual(["Plan"]);
    expect((await get(`${url}/v1/people/first`)).status).toBe(404);
  });

  it("keeps __proto__ as a property, and names and values with commas, colons, and dots", async () => {
    const who = somebody();
    await call(`/e?_k=local&_p=${encode(who)}&_n=foo:bar,baz&__proto__=5&constructor=c&a.b:c=http://x/?y,z&nest[a]=1`);
    const response = await fetch(`${url}/v1/people/${encode(who)}`);
    const text = await response.text();
    expect(text).toContain('"__proto__":5');
    expect(JSON.parse(text).events).toMatchObject([
      { name: "foo bar baz", properties: { constructor: "c", "a.b c": "http://x/?y,z", "nest[a]": 1 } },
    ]);
  });

  it("may come by HEAD, which has the picture's headers and no body, and counts", async () => {
    const who = somebody();
    const response = await fetch(`${url}/e?_k=local&_p=${encode(who)}&_n=x`, { method: "HEAD" });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "image/gif"]);
    expect((await person(url, who)).events).toHaveLength(1);
  });

  it("may come as a form in the body, as clients send what is too long for a URL", async () => {
    const who = somebody();
    const form = new URLSearchParams({ _k: "local", _p: who, _n: "By form", Long: "y".repeat(5000), Plan: "Pro & more" });
    await call("/e", { method: "POST", body: form });
    await call("/s", { method: "POST", body: new URLSearchParams({ _k: "local", _p: who, Tier: "Gold" }) });
    await call("/a", { method: "POST", body: new URLSearchParams({ _k: "local", _p: who, _n: `${who}.de` }) });
    // Key in the URL, the rest in the body.
    await call(`/e?_k=local&_p=${encode(who)}`, { method: "POST", body: new URLSearchParams({ _n: "Mixed" }) });
    await call("/e", { method: "POST" });
    const found = await person(url, who);
    expect(found.events.map((event) => event.name).sort()).toEqual(["By form", "Mixed"]);
    expect(found.properties).toMatchObject({ Plan: { value: "Pro & more" }, Tier: { value: "Gold" } });
  });

  it("with a name or a value that is too long is cut, since the client cannot be told", async () => {
    const who = somebody();
    await call(`/e?_k=local&_p=${encode(who)}&_n=${"n".repeat(300)}&${"p".repeat(300)}=1&v=${"y".repeat(9000)}`);
    const [event] = (await person(url, who)).events;
    expect(event).toMatchObject({ name: "n".repeat(255), properties: { ["p".repeat(255)]: 1, v: "y".repeat(8192) } });
  });

  it.each([
    ["a body of ampersands", () => "a&".repeat(100_000), "KM_PROPERTIES_TOO_MANY"],
    ["a body of a megabyte", () => "x".repeat(1 << 20), "KM_BODY_TOO_LARGE"],
  ])("%s gets its picture and costs nothing more", async (_, body, code) => {
    const before = (await get(`${url}/v1/status`)).json.rejected[code] ?? 0;
    await call("/e", { method: "POST", body: body(), headers: { "content-type": "application/x-www-form-urlencoded" } });
    expect((await get(`${url}/v1/status`)).json.rejected[code]).toBe(before + 1);
  });

  it("may be conditional: it is never 304 and counts", async () => {
    const who = somebody();
    await call(`/e?_k=local&_p=${encode(who)}&_n=x`, {
      headers: { "if-none-match": "*", "if-modified-since": new Date().toUTCString(), cookie: "", te: "trailers" },
    });
    expect((await person(url, who)).events).toHaveLength(1);
  });

  it("must not be kept by a cache", async () => {
    const response = await fetch(`${url}/e?_k=local&_p=x&_n=x`);
    expect(response.headers.get("cache-control")).toContain("no-store");
    expect(response.headers.get("set-cookie")).toBeNull();
  });

  it("is counted whatever program sends it", async () => {
    const who = somebody();
    for (const [n, agent] of ["node", "python-httpx/0.27", "curl/8", "", "Googlebot/2.1"].entries()) {
      await call(`/e?_k=local&_p=${encode(who)}&_n=By+${n}`, { headers: { "user-agent": agent } });
    }
    expect((await person(url, who)).events).toHaveLength(5);
  });
});

describe("a classic call that is wrong", () => {
  it.each([
    ["has no parameters", "/e", "KM_KEY_REFUSED"],
    ["has a question mark only", "/s?", "KM_KEY_REFUSED"],
    ["has no key", "/e?_p=x&_n=x", "KM_KEY_REFUSED"],
    ["has an empty key", "/e?_k=&_p=x&_n=x", "KM_KEY_REFUSED"],
    ["has an unknown key", "/a?_k=wrong&_p=x&_n=y", "KM_KEY_REFUSED"],
    ["has no identity", "/e?_k=local&_n=x", "KM_IDENTITY_EMPTY"],
    ["has an identity of 256 characters", `/e?_k=local&_n=x&_p=${"a".repeat(256)}`, "KM_IDENTITY_TOO_LONG"],
    ["has an identity that is Latin-1", "/e?_k=local&_p=caf%E9&_n=x", "KM_IDENTITY_INVALID"],
    ["ties to an identity that is Latin-1", "/a?_k=local&_p=x&_n=caf%E9", "KM_IDENTITY_INVALID"],
    ["ties to nothing", "/a?_k=local&_p=x", "KM_IDENTITY_EMPTY"],
    ["ties a placeholder", "/a?_k=local&_p=undefined&_n=x", "KM_IDENTITY_JUNK"],
    ["has a time that is none", "/e?_k=local&_p=x&_n=x&_t=soon&_d=1", "KM_TIME_INVALID"],
    ["has a time before 2009", "/e?_k=local&_p=x&_n=x&_t=1000000000&_d=1", "KM_TIME_RANGE"],
  ])("because it %s gets its picture all the same, and is counted by its code", async (_, path, code) => {
    const rejected = async () => (await get(`${url}/v1/status`)).json.rejected[code] ?? 0;
    const before = await rejected();
    await call(path);
    expect(await rejected()).toBe(before + 1);
  });

  it("may be as odd as it likes: it gets its picture", async () => {
    for (const path of [
      "/e?%",
      "/e?%E0%A4%A=%C0%80",
      "/a?&&&=&=&",
      "/s?_k[]=local",
      "/e?_k=local&_p=%00&_n=%00",
      "/e?_k=local&_p=%ED%A0%80&_n=x",
    ])
      await call(path);
  });
});

describe("on a bare socket", () => {
  it("raw UTF-8 bytes in the URL are read as UTF-8", async () => {
    const who = `grüße🙂${somebody()}`;
    const answer = await raw(
      running.port,
      Buffer.from(`GET /e?_k=local&_p=${who}&_n=Größe&Straße=Zürich HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
    );
    expect(answer.toString("latin1")).toMatch(/^HTTP\/1\.1 200 /);
    expect((await person(url, who)).events).toMatchObject([{ name: "Größe", properties: { Straße: "Zürich" } }]);
  });

  it.each(["evil.example", "a b", ""])("raw bytes in the URL open no way round the rule of hosts: %j", async (host) => {
    const who = somebody();
    const head = `GET /e?_k=local&_p=${who}&_n=ü HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    expect((await raw(running.port, head)).toString("latin1")).toMatch(/^HTTP\/1\.1 4(21|00) /);
    expect((await get(`${url}/v1/people/${who}`)).status).toBe(404);
  });

  it.each(["GET /v1/status?ü HTTP/1.1", "POST /e?ü HTTP/1.1", "nonsense", "GET /e?_k=local HTTP/9"])(
    "what cannot be parsed gets 400: %s",
    async (line) => {
      const answer = (await raw(running.port, `${line}\r\nHost: localhost\r\nConnection: close\r\n\r\n`)).toString("latin1");
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect((await get(`${url}/healthz`)).status).toBe(200);
    },
  );

  it("an absolute target, HTTP/1.0, a missing User-Agent and an empty Cookie header are fine", async () => {
    const who = somebody();
    const path = (n: string) => `/e?_k=local&_p=${encode(who)}&_n=${n}`;
    const heads = [
      `GET http://localhost:${running.port}${path("absolute")} HTTP/1.1\r\nHost: localhost:${running.port}\r\nConnection: close\r\n\r\n`,
      `GET ${path("old")} HTTP/1.0\r\nHost: localhost\r\n\r\n`,
      `GET ${path("bare")} HTTP/1.1\r\nHost: localhost\r\nCookie:\r\nTE:\r\nConnection: close\r\n\r\n`,
    ];
    for (const head of heads) expect((await raw(running.port, head)).toString("latin1")).toMatch(/^HTTP\/1\.1 200 [\s\S]*GIF89a/);
    expect((await person(url, who)).events.map((event) => event.name).sort()).toEqual(["absolute", "bare", "old"]);
  });

  it("without Host is answered: every browser sends one, so it is no page that rebinds its name", async () => {
    const who = somebody();
    for (const version of ["1.0", "1.1"]) {
      const answer = await raw(
        running.port,
        `GET /e?_k=local&_p=${encode(who)}&_n=By+${version} HTTP/${version}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer.toString("latin1")).toMatch(/^HTTP\/1\.1 200 [\s\S]*GIF89a/);
    }
    expect((await person(url, who)).events).toHaveLength(2);
    // At any other address RFC 9112 §3.2 wants 400, and the rule of hosts holds.
    expect((await raw(running.port, "GET /healthz HTTP/1.1\r\n\r\n")).toString()).toMatch(/^HTTP\/1\.1 400 /);
    expect((await raw(running.port, "GET /v1/status HTTP/1.0\r\n\r\n")).toString()).toMatch(/^HTTP\/1\.1 (400|421) /);
  });

  it.each([
    ["by the Host", "/e", "Host: evil.example\r\n"],
    ["by the Host, in a form", "POST", "Host: evil.example\r\n"],
    ["by an absolute target", "http://evil.example/e", "Host: localhost\r\n"],
    ["by the Host beside an absolute target", "http://localhost/e", "Host: evil.example\r\n"],
    ["by its site, without Host", "/e", "Sec-Fetch-Site: cross-site\r\n"],
    ["by its origin, without Host", "/e", "Origin: https://evil.example\r\n"],
    ["by its origin, with a raw URL", "raw", "Host: localhost\r\nOrigin: https://evil.example\r\n"],
    ["by an origin that comes in a later packet than a raw URL", "cut", "Host: localhost\r\n"],
  ])("of somebody else, %s, is refused without keys, and counted", async (_, target, headers) => {
    const who = somebody();
    const query = `_k=local&_p=${encode(who)}&_n=x`;
    const refusals = async () => {
      const { rejected } = (await get(`${url}/v1/status`)).json;
      return (rejected.KM_HOST_REFUSED ?? 0) + (rejected.KM_ORIGIN_REFUSED ?? 0);
    };
    const before = await refusals();
    const bytes = {
      POST: `POST /e HTTP/1.1\r\n${headers}Connection: close\r\nContent-Length: ${query.length}\r\n\r\n${query}`,
      raw: `GET /e?${query}&v=ü HTTP/1.1\r\n${headers}\r\n`,
      cut: `GET /e?${query}&v=ü HTTP/1.1\r\n${headers}`,
    }[target];
    const answer = await raw(running.port, bytes ?? `GET ${target}?${query} HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`);
    expect(answer.toString("latin1")).toMatch(/^HTTP\/1\.1 (421|403) /);
    expect(await refusals()).toBe(before + 1);
    expect((await get(`${url}/v1/people/${who}`)).status).toBe(404);
  });

  it("with a body that never ends is answered or cut off, and the collector goes on", async () => {
    const before = (await get(`${url}/v1/status`)).json.rejected.KM_BODY_TOO_LARGE ?? 0;
    const start = `POST /e?_k=local&_p=x&_n=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n`;
    const answer = await raw(running.port, start + "y".repeat(9 << 20)).catch(() => "cut off");
    if (answer !== "cut off") expect(answer.toString("latin1")).toMatch(/^HTTP\/1\.1 200 [\s\S]*GIF89a/);
    expect((await get(`${url}/v1/status`)).json.rejected.KM_BODY_TOO_LARGE).toBe(before + 1);
  });

  it("that breaks off in its body is not stored in part", async () => {
    const who = somebody();
    const start = `POST /e HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n_k=local&_p=${encode(who)}&_n=x`;
    const broken = async () => (await get(`${url}/v1/status`)).json.rejected.KM_BODY_BROKEN ?? 0;
    const before = await broken();
    expect((await raw(running.port, start, "127.0.0.1", true)).toString()).toMatch(/^HTTP\/1\.1 400 /);
    await vi.waitFor(async () => expect(await broken()).toBe(before + 1), 5000);
    expect((await get(`${url}/v1/people/${who}`)).status).toBe(404);
  });

  it("is processed when the client writes and closes without reading the answer", async () => {
    const who = somebody();
    const request = (n: number) => `GET /e?_k=local&_p=${encode(who)}&_n=x${n} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const sockets = ["end", "destroySoon"].map((way, n) => {
      const socket = net.connect(running.port, "127.0.0.1", () => {
        socket.write(request(n), () => (way === "end" ? socket.end() : socket.destroySoon()));
      });
      socket.on("error", () => {});
      return socket;
    });
    await vi.waitFor(async () => expect((await person(url, who)).events).toHaveLength(2), 5000);
    for (const socket of sockets) socket.destroy();
  });

  it("many calls may follow each other on one connection without waiting for answers", async () => {
    const who = somebody();
    const requests = Array.from(
      { length: 100 },
      (_, n) =>
        `GET /e?_k=local&_p=${encode(who)}&_n=Pipelined+${n} HTTP/1.1\r\nHost: localhost\r\n${n === 99 ? "Connection: close\r\n" : ""}\r\n`,
    );
    const answer = (await raw(running.port, requests.join(""))).toString("latin1");
    expect(answer.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(100);
    expect((await person(url, who)).events).toHaveLength(100);
  });

  it("500 connections at once are all served", async () => {
    const who = somebody();
    await Promise.all(
      Array.from({ length: 500 }, (_, n) =>
        raw(running.port, `GET /e?_k=local&_p=${encode(who)}&_n=At+once+${n} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
      ),
    );
    expect((await person(url, who, "?limit=1000")).events).toHaveLength(500);
  });
});

it("none of this was reported as a fault", () => {
  expect(running.errors).toEqual([]);
});
