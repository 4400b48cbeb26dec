import { randomUUID } from "node:crypto";
import net from "node:net";
import { gzipSync } from "node:zlib";
import { mintAnonymous } from "@kmkit/core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { alias, get, ndjson, post, type Running, record, runCollector, set, somebody } from "./collector-fixture.ts";
import { listen } from "./live-fixture.ts";

const reading = { authorization: "Bearer the-admin" };

let running: Running;
let url: string;
beforeAll(async () => {
  const keys = [
    { key: "local", product: "shop", kind: "server" as const },
    { key: "other", product: "blog", kind: "server" as const },
  ];
  running = await runCollector({ keys, admin: "the-admin" });
  url = running.url;
});
afterAll(() => running.end());

const look = (query = "") => listen(url, `?product=shop${query}`, reading);
const stored = async () => {
  while ((await get(`${url}/v1/status`, reading)).json.waiting > 0);
};

const listeners = async () => (await get(`${url}/v1/status`, reading)).json.listeners;

/** Sends, and then something by which a listener knows that it has seen all that came before. */
async function send(...lines: string[]): Promise<void> {
  expect((await post(url, ndjson(...lines))).status).toBe(200);
}
let marks = 0;
async function mark(who = "marker@shop.example", properties = {}): Promise<string> {
  const name = `Mark ${++marks}`;
  await send(record(who, name, properties));
  return name;
}

describe("GET /v1/live", () => {
  it("needs the admin token, a product and filters that can be, as every read", async () => {
    for (const headers of [{}, { authorization: "Bearer local" }])
      expect(await get(`${url}/v1/live?product=shop`, headers)).toMatchObject({ status: 401, json: { code: "KM_TOKEN_REFUSED" } });
    for (const query of ["", "?product=nonsense"])
      expect(await get(`${url}/v1/live${query}`, reading)).toMatchObject({ status: 404, json: { code: "KM_PRODUCT_UNKNOWN" } });
    const many = "&event=x".repeat(101);
    for (const query of ["&event=", "&event=%20,", "&person=", "&property=", `&person=${"x".repeat(256)}`, many])
      expect(await get(`${url}/v1/live?product=shop${query}`, reading)).toMatchObject({ status: 400, json: { code: "KM_FILTER_INVALID" } });
  });

  it("is a stream of events that nobody keeps, and says from when on", async () => {
    const before = Date.now();
    const { response, events } = await look();
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    expect(events).toEqual([{ event: "open", data: { from: expect.any(Number) } }]);
    expect(events[0]?.data.from).toBeGreaterThanOrEqual(before);
    expect(events[0]?.data.from).toBeLessThanOrEqual(Date.now());
  });

  it("answers HEAD without beginning a stream", async () => {
    for (let count = 0; count < 25; count++) {
      const response = await fetch(`${url}/v1/live?product=shop`, { method: "HEAD", headers: reading });
      expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
    }
    (await look()).stop();
  });

  it("shows every command from then on, as the client wrote it, and nothing earlier and nothing of other products", async () => {
    const who = somebody();
    await send(record(who, "Earlier"));
    const { commands, command } = await look();
    const [one, two, three] = [randomUUID(), randomUUID(), randomUUID()];
    const time = Date.now() - 5000;
    await post(url, ndjson(record(who, "Elsewhere")), { authorization: "Bearer other" });
    await send(
      record(who, "Signed UP: now", { Plan: "Pro", Seats: 5, Paid: true, plan: "pro" }, { id: one, time }),
      "",
      set(who, { "Favourite Colour": "blau ü 💙\n" }, { id: two, time: Math.floor(time / 1000) }),
      alias(who, `${who}.de`, { id: three, time }),
    );
    await command(three);
    const received = expect.any(Number);
    const person = { identity: who, anonymous: false };
    const common = { received, identity: who, person };
    expect(commands).toEqual([
      { type: "record", id: one, time, ...common, name: "Signed UP  now", properties: { Plan: "Pro", Seats: 5, Paid: true, plan: "pro" } },
      { type: "set", id: two, time: Math.floor(time / 1000) * 1000, ...common, properties: { "Favourite Colour": "blau ü 💙\n" } },
      { type: "alias", id: three, time, ...common, alias: `${who}.de` },
    ]);
  });

  it("shows what was refused, with its code and reason and as far as it could be read, but nothing of a wrong key", async () => {
    const { commands, command } = await look();
    const who = somebody();
    expect((await post(url, ndjson(record(who, "Stranger's")), { authorization: "Bearer wrong" })).status).toBe(401);
    await fetch(`${url}/e?_k=wrong&_p=${who}&_n=Strange`);
    await send(
      record(who, "Fine"),
      "no json",
      record(who, "Too old", { Plan: "Pro" }, { time: 1 }),
      alias(who, "undefined"),
      JSON.stringify({ type: "purchase", identity: 17, name: "x".repeat(3000), properties: { deep: {}, flat: 1 } }),
      '["list"]',
      JSON.stringify({ type: "record", identity: who, name: "Huge", properties: { x: "y".repeat(600_000) } }),
    );
    await fetch(`${url}/e?_k=local&_p=${"x".repeat(256)}&_n=Long`);
    await command("KM_IDENTITY_TOO_LONG");
    const refused = (code: string) => ({ code, message: expect.stringMatching(/\w+ .*\./) });
    const received = expect.any(Number);
    const id = expect.any(String);
    const person = { identity: who, anonymous: false };
    expect(commands).toEqual([
      expect.objectContaining({ name: "Fine" }),
      { received, refused: refused("KM_LINE_INVALID") },
      {
        ...{ type: "record", id, time: 1, received, identity: who, person, name: "Too old", properties: { Plan: "Pro" } },
        refused: refused("KM_TIME_RANGE"),
      },
      {
        type: "alias",
        id,
        time: expect.any(Number),
        received,
        identity: who,
        person,
        alias: "undefined",
        refused: refused("KM_IDENTITY_JUNK"),
      },
      {
        ...{ received, identity: "17", person: { identity: "17", anonymous: false } },
        ...{ name: `${"x".repeat(1000)}…`, properties: { flat: 1 }, refused: refused("KM_TYPE_INVALID") },
      },
      { received, refused: refused("KM_LINE_INVALID") },
      { received, refused: refused("KM_COMMAND_TOO_LARGE") },
      expect.objectContaining({ type: "record", identity: "x".repeat(256), name: "Long", refused: refused("KM_IDENTITY_TOO_LONG") }),
    ]);
  });

  it("shows bytes that are no text as refused", async () => {
    const { command } = await look();
    await post(url, Buffer.from([...Buffer.from('{"type":"record","name":"'), 0xff, ...Buffer.from('"}\n')]));
    expect(await command("KM_LINE_INVALID")).toEqual({
      received: expect.any(Number),
      refused: { code: "KM_LINE_INVALID", message: expect.any(String) },
    });
  });

  it("shows the classic calls, single ones and many at once", async () => {
    const { commands, command } = await look();
    const who = somebody();
    const calls = Array.from({ length: 50 }, (_, n) => fetch(`${url}/e?_k=local&_p=${who}&_n=Clicked+${n}+times&Plan=Pro`));
    await Promise.all(calls);
    await Promise.all(Array.from({ length: 50 }, (_, n) => command(`Clicked ${n} times`)));
    expect(commands).toHaveLength(50);
    await fetch(`${url}/s?_k=local&_p=${who}&Colour=red`);
    await fetch(`${url}/a?_k=local&_p=${who}&_n=${who}.at`);
    expect(await command("Colour")).toMatchObject({ type: "set", identity: who, properties: { Colour: "red" } });
    expect(await command(`${who}.at`)).toMatchObject({ type: "alias", identity: who, alias: `${who}.at` });
  });

  it("shows a client's retry once, but an id that two people bear for both", async () => {
    const { commands } = await look();
    const other = await look();
    const [line, who, id] = [record(somebody(), "Paid"), somebody(), randomUUID()];
    await send(line);
    await send(line, record(who, "Shared", {}, { id }));
    await send(record(`${who}.too`, "Shared", {}, { id }), line);
    await other.command(await mark());
    expect(other.commands.map(({ name }) => name)).toEqual(["Paid", "Shared", "Shared", `Mark ${marks}`]);
    expect(commands).toEqual(other.commands);
  });

  it("takes a body of 32 MB in slices: all of it is shown, and others get their turn meanwhile", async () => {
    const { commands, command } = await look();
    const who = somebody();
    const text = "x".repeat(8000);
    const lines = Array.from({ length: 4000 }, (_, n) => record(who, `Big ${n}`, { text }));
    lines.push(record(who, "Last one"));
    const body = gzipSync(ndjson(...lines), { level: 1 });
    const sent = post(url, body, { "content-encoding": "gzip" });
    let turns = 0;
    const turning = setInterval(() => void turns++, 5);
    expect((await sent).json.accepted).toBe(4001);
    await command("Last one");
    clearInterval(turning);
    expect(commands).toHaveLength(4001);
    expect(lines.join("\n").length).toBeGreaterThan(32e6);
    expect(turns).toBeGreaterThan(10);
  });
});

describe("who it was", () => {
  it("is the best identity of the person: by the store, and by an alias from the moment that it came", async () => {
    const [first, second] = [mintAnonymous(), mintAnonymous()];
    const bob = somebody("bob");
    await send(record(first, "Before"), alias(first, bob), record(bob, "Named"));
    await stored();
    const { command } = await look();
    await send(record(first, "By the store"));
    expect((await command("By the store")).person).toEqual({ identity: bob, anonymous: false });
    await send(record(second, "Not yet"));
    expect((await command("Not yet")).person).toEqual({ identity: second, anonymous: true });
    // In one body, and before the store can have linked it: by way of what the store knows, too.
    await send(alias(second, first), record(second, "At once"));
    expect((await command("At once")).person).toEqual({ identity: bob, anonymous: false });
    await stored();
    await send(record(second, "And later"));
    expect((await command("And later")).person).toEqual({ identity: bob, anonymous: false });
  });

  it("is right where two aliases that the store does not have yet meet at a person that it has", async () => {
    const [a, b, c] = [mintAnonymous(), mintAnonymous(), mintAnonymous()];
    const bob = somebody("bob");
    await send(alias(b, c), record(c, "Before"));
    await stored();
    const { command } = await look();
    await send(alias(a, b), alias(c, bob), record(a, "Whose"));
    expect((await command("Whose")).person).toEqual({ identity: bob, anonymous: false });
  });

  it("tells named from anonymous as core does, and prefers the one that kmkit person heads with", async () => {
    // A UUID of version 4 is somebody's user id.
    const named = randomUUID();
    const others = [mintAnonymous(), "nbTo2Y6gBMjpu12wKz5pgPBeIXk=", mintAnonymous()];
    const late = somebody("late");
    await send(
      ...others.map((one) => alias(one, named)),
      alias(late, named),
      ...others.map((one) => record(one, "x", {}, { time: 1_500_000_000_000 })),
      record(named, "x", {}, { time: 1_600_000_000_000 }),
      record(late, "x", {}, { time: 1_700_000_000_000 }),
    );
    await stored();
    const { command } = await look();
    await send(record(others[1], "Whose is it"));
    expect((await command("Whose is it")).person).toEqual({ identity: named, anonymous: false });
  });

  it("is known of aliases that came before anybody looked on and are not stored yet", async () => {
    const one = mintAnonymous();
    const bob = somebody("bob");
    await send(alias(one, bob));
    const { command } = await look();
    await send(record(one, "Whose"));
    expect((await command("Whose")).person).toEqual({ identity: bob, anonymous: false });
  });
});

describe("filters", () => {
  it("event: by its name as names are compared; several mean any of them", async () => {
    const { commands, command } = await look("&event=signed%20UP&event=Paid,%20at%20last");
    const who = somebody();
    await send(record(who, "Signed Up"), record(who, "Signed Up too"), record(who, "PAID: at last"), set(who, { "Signed Up": 1 }));
    await send(record(who, "signed up", { last: 1 }));
    await command('"last":1');
    expect(commands.map(({ name }) => name)).toEqual(["Signed Up", "PAID  at last", "signed up"]);
  });

  it("property: that it is there, or has this value; together with others all must hold", async () => {
    const any = await look("&property=plan");
    const pro = await look("&property=Plan=Pro&property=Seats=5");
    const both = await look("&property=PLAN=Pro&event=Upgraded");
    const who = somebody();
    await send(
      record(who, "Upgraded", { Plan: "Pro" }),
      record(who, "Upgraded", { Plan: "pro" }),
      set(who, { plan: "Pro" }),
      set(who, { seats: 5 }),
      set(who, { other: "Pro" }),
      record(who, "Upgraded", { "P=lan": "x", PLAN: "Pro", last: 1 }),
    );
    for (const one of [any, pro, both]) await one.command('"last":1');
    expect(any.commands.map(({ properties }) => Object.values(properties ?? {})[0])).toEqual(["Pro", "pro", "Pro", "x"]);
    expect(pro.commands.map(({ properties }) => Object.values(properties ?? {})[0])).toEqual(["Pro", "Pro", 5, "x"]);
    expect(both.commands.map(({ properties }) => Object.values(properties ?? {})[0])).toEqual(["Pro", "x"]);
  });

  it("person: all identities of theirs, whichever is named, also those that become theirs while one looks on", async () => {
    const [a, b, c, d] = [mintAnonymous(), mintAnonymous(), mintAnonymous(), mintAnonymous()];
    const bob = somebody("bob");
    await send(alias(a, bob), alias(c, d), record(c, "Before"));
    await stored();
    const byName = await look(`&person=${encodeURIComponent(bob)}`);
    const byAnonymous = await look(`&person=nobody%40here&person=${a}`);
    await send(record(b, "Not his yet"), record(a, "1"), record(bob, "2"), record(somebody(), "Another's"));
    await byName.command("2");
    await send(record(c, "Not his yet"), alias(b, bob), record(b, "3"));
    for (const { command } of [byName, byAnonymous]) await command('"3"');
    // Somebody whose other identities only the store knows.
    await send(alias(b, c), record(d, "4"));
    await stored();
    await send(record(d, "5"), record(bob, "Last one"));
    for (const { commands, command } of [byName, byAnonymous]) {
      await command("Last one");
      expect(commands.map(({ name, alias }) => name ?? alias)).toEqual(["1", "2", bob, "3", c, "4", "5", "Last one"]);
      expect(commands.map(({ person }) => person?.identity)).toEqual(commands.map(() => bob));
    }
  });

  it("hold for what was refused as far as it could be read", async () => {
    const { commands, command } = await look("&event=Late");
    await send("no json", record("x", "Early", {}, { time: 1 }), record("x", "late", {}, { time: 1 }), record("x", "Late", { last: 1 }));
    await command('"last":1');
    expect(commands.map(({ name, refused }) => [name, refused?.code])).toEqual([
      ["late", "KM_TIME_RANGE"],
      ["Late", undefined],
    ]);
  });
});

describe("those who look on", () => {
  it("are twenty at the most, and one that goes away makes room at once", async () => {
    while ((await listeners()) > 0);
    const all = await Promise.all(Array.from({ length: 20 }, () => look()));
    expect(await get(`${url}/v1/live?product=shop`, reading)).toMatchObject({ status: 503, json: { code: "KM_LISTENERS_TOO_MANY" } });
    for (const one of all) one.stop();
    let again: Awaited<ReturnType<typeof look>> | undefined;
    while (again === undefined) again = await look().catch(() => undefined);
    await again.command(await mark());
  });

  it("are never waited for: one that does not read is dropped, what waits for it is let go of, and the others see all", async () => {
    const good = await look();
    const stuck = net.connect(running.port, "127.0.0.1");
    onTestFinished(() => void stuck.destroy());
    stuck.on("error", () => {});
    stuck.write(`GET /v1/live?product=shop HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer the-admin\r\n\r\n`);
    await new Promise((resolve) => stuck.once("readable", resolve));
    const who = somebody();
    const body = (n: number) => Array.from({ length: 250 }, (_, at) => record(who, `Event ${n}-${at}`, { text: "x".repeat(8000) }));
    let sent = 0;
    const flood = async () => {
      await send(...body(sent));
      await good.command(`Event ${sent++}-249`);
    };
    while ((await listeners()) === 2) await flood();
    const chunks: Buffer[] = [];
    stuck.on("data", (chunk) => chunks.push(chunk));
    stuck.resume();
    await new Promise((resolve) => stuck.once("close", resolve));
    const text = Buffer.concat(chunks).toString();
    expect(text).toContain("Event 0-0");
    expect(text).toMatch(/event: end\ndata: \{"code":"KM_LISTENER_SLOW","message":".*"\}\n\n/);
    while (sent < 14) await flood();
    expect(text).not.toContain("Event 13-");
    expect(good.commands).toHaveLength(14 * 250);
    // 28 MB went past. What waited was let go of; the system and the connection had taken the rest before.
    expect(text.length).toBeLessThan(16e6);
  });
});
