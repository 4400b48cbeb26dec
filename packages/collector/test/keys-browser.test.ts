import { randomUUID } from "node:crypto";
import { mintAnonymous } from "@kmkit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Key } from "../src/index.ts";
import { alias, get, ndjson, post, type Running, record, runCollector, set, somebody } from "./collector-fixture.ts";

const keys: Key[] = [
  { key: "server-of-shop", product: "shop", kind: "server" },
  { key: "browser-of-shop", product: "shop", kind: "browser" },
  { key: "trusted-of-shop", product: "shop", kind: "browser", trustBrowserIdentify: true },
  // Only a browser key can be trusted more: of a server key it says nothing.
  { key: "server-of-blog", product: "blog", kind: "server", trustBrowserIdentify: true },
  { key: "browser-of-blog", product: "blog", kind: "browser", trustBrowserIdentify: false },
];
const admin = { authorization: "Bearer the-token" };
const day = 86_400_000;

let running: Running;
beforeAll(async () => {
  running = await runCollector({ keys, admin: "the-token" });
});
afterAll(() => running.end());

const send = async (key: string, ...lines: string[]) =>
  (await post(running.url, ndjson(...lines), { authorization: `Bearer ${key}` })).json as {
    accepted: number;
    rejected: { index: number; code: string; message: string }[];
  };
const call = (key: string, kind: string, parameters: Record<string, string | number>) =>
  fetch(`${running.url}/${kind}?${new URLSearchParams({ _k: key, ...parameters } as Record<string, string>)}`).then((answer) =>
    answer.arrayBuffer(),
  );
const about = (identity: string, product = "shop") =>
  get(`${running.url}/v1/people?product=${product}&identity=${encodeURIComponent(identity)}`, admin);
const rejected = async (code: string): Promise<number> => (await get(`${running.url}/v1/status`, admin)).json.rejected[code] ?? 0;
/** The identities of a person, in order, or none. */
const tied = async (identity: string, product = "shop"): Promise<string[]> =>
  ((await about(identity, product)).json.identities ?? []).map((one: { identity: string }) => one.identity).sort();

const kissmetrics = (): string => `${Buffer.from(crypto.getRandomValues(new Uint8Array(20))).toString("base64")}`;
/** Somebody's UUIDv7: the form of ours, without the stamp. */
const userId = (): string => mintAnonymous().replace(/.{4}$/, (stamp) => (stamp === "0000" ? "1111" : "0000"));
const identities: Record<string, [make: () => string, anonymous: boolean]> = {
  "an anonymous identity of ours": [mintAnonymous, true],
  "an anonymous identity of KISSmetrics'": [kissmetrics, true],
  "an e-mail address": [somebody, false],
  "a user id that is a UUIDv7": [userId, false],
  "a user id that is a UUIDv4": [randomUUID, false],
  "ours in upper case": [() => mintAnonymous().toUpperCase(), false],
  "ours with a blank": [() => `${mintAnonymous()} `, false],
  "a number": [() => String(Math.floor(Math.random() * 1e9) + 1), false],
};
const kinds = Object.entries(identities).map(([name, [make, anonymous]]) => ({ name, make, anonymous }));
const ours = ["browser-of-shop", "trusted-of-shop", "server-of-shop"] as const;

/** One thing that a key may bring or not, said in both languages, about people of its own each time. */
interface Attempt {
  readonly title: string;
  readonly allowed: boolean;
  readonly command: string;
  readonly call: readonly [kind: string, parameters: Record<string, string>];
  /** How the export shows that it was kept: as a command, and as a call. */
  readonly kept: readonly [string, string];
}

/** Every type of command with every kind of identity. */
function attempts(key: string): Attempt[] {
  const names = key !== "browser-of-shop";
  const acts = kinds.flatMap(({ name, make, anonymous }) => {
    const [a, b, c, d] = [make(), make(), make(), make()] as [string, string, string, string];
    const allowed = anonymous || names;
    return [
      { title: `record ${name}`, allowed, command: record(a, "x"), call: ["e", { _p: b, _n: "x" }], kept: [a, b] },
      { title: `set ${name}`, allowed, command: set(c, { Plan: 1 }), call: ["s", { _p: d, Plan: "1" }], kept: [c, d] },
    ] satisfies Attempt[];
  });
  const aliases = kinds.flatMap((one) =>
    kinds.map((other): Attempt => {
      const [a, b, c, d] = [one.make(), other.make(), one.make(), other.make()] as [string, string, string, string];
      const allowed = key === "server-of-shop" || (names && (one.anonymous || other.anonymous));
      const title = `alias ${one.name} = ${other.name}`;
      return { title, allowed, command: alias(a, b), call: ["a", { _p: c, _n: d }], kept: [`${a} = ${b}`, `${c} = ${d}`] };
    }),
  );
  return [...acts, ...aliases];
}

describe("what a key may bring", () => {
  it.each(ours)("%s: every type of command with every kind of identity, as a command and as a classic call", async (key) => {
    const all = attempts(key);
    const before = await rejected("KM_KEY_BROWSER");
    const { accepted, rejected: refused } = await send(key, ...all.map(({ command }) => command));
    await Promise.all(all.map(({ call: [kind, parameters] }) => call(key, kind, parameters)));
    const forbidden = all.filter(({ allowed }) => !allowed);
    expect(refused.map(({ index, code }) => `${code} ${all[index]?.title}`)).toEqual(
      forbidden.map(({ title }) => `KM_KEY_BROWSER ${title}`),
    );
    expect(accepted).toBe(all.length - forbidden.length);
    expect((await rejected("KM_KEY_BROWSER")) - before).toBe(2 * forbidden.length);
    const lines = (await (await fetch(`${running.url}/v1/export?product=shop`, { headers: admin })).text()).trim().split("\n");
    const exported = new Set(
      lines.map((line) => JSON.parse(line)).map(({ _p, _p2 }) => (_p2 === undefined ? _p : `${_p} = ${_p2}`) as string),
    );
    expect(all.map(({ title, kept }) => [title, ...kept.map((one) => exported.has(one))])).toEqual(
      all.map(({ title, allowed }) => [title, allowed, allowed]),
    );
    expect(forbidden.length).toBe({ "browser-of-shop": 2 * 6 + 64, "trusted-of-shop": 36, "server-of-shop": 0 }[key]);
  });

  it("is decided command by command: good neighbours are kept, and the answer says which was refused and what to do", async () => {
    const [a, b] = [mintAnonymous(), mintAnonymous()];
    const answer = await send("browser-of-shop", record(a, "x"), record("bob@bob.com", "x"), alias(a, b), set(b, { Plan: "Pro" }));
    expect(answer).toEqual({
      accepted: 2,
      rejected: [
        { index: 1, code: "KM_KEY_BROWSER", message: expect.stringMatching(/server key.*--trust-browser-identify.*\(a name\)/) },
        { index: 2, code: "KM_KEY_BROWSER", message: expect.stringMatching(/\(an alias\)/) },
      ],
    });
    expect(JSON.stringify(answer)).not.toContain("browser-of-shop");
    expect([await tied(a), await tied(b), (await about("bob@bob.com")).status]).toEqual([[a], [b], 404]);
  });

  it("by a browser key is at most 31 days old; a server key may go back to 2009", async () => {
    const a = mintAnonymous();
    const at = (days: number) => Date.now() - days * day;
    const dated = (days: number) => record(a, "x", {}, { time: at(days) });
    expect(await send("server-of-shop", dated(3000))).toMatchObject({ accepted: 1 });
    for (const key of ["browser-of-shop", "trusted-of-shop"]) {
      expect(await send(key, dated(0), dated(30), dated(32), dated(3000))).toMatchObject({
        accepted: 2,
        rejected: [
          { index: 2, code: "KM_KEY_BROWSER_TIME" },
          { index: 3, code: "KM_KEY_BROWSER_TIME" },
        ],
      });
      const before = await rejected("KM_KEY_BROWSER_TIME");
      const b = mintAnonymous();
      await call(key, "e", { _p: b, _n: "x", _t: Math.floor(at(32) / 1000), _d: 1 });
      expect((await rejected("KM_KEY_BROWSER_TIME")) - before).toBe(1);
      expect((await about(b)).status).toBe(404);
      for (const time of [1e300, -1e300, 0, Date.now() + 2 * day])
        expect((await send(key, record(a, "x", {}, { time }))).rejected).toMatchObject([{ code: "KM_TIME_RANGE" }]);
    }
  });

  it("is never a look at anything, whatever the key", async () => {
    for (const { key, product } of keys) {
      for (const path of ["people/x", "people?identity=x", "export", "status", "live", "keys"]) {
        for (const query of [`product=${product}`, `product=${product}&key=${key}&_k=${key}`]) {
          const answer = await get(`${running.url}/v1/${path}${path.includes("?") ? "&" : "?"}${query}`, {
            authorization: `Bearer ${key}`,
          });
          expect([path, answer.status, answer.json.code]).toEqual([path, 401, "KM_TOKEN_REFUSED"]);
        }
      }
    }
  });
});

describe("a hostile page", () => {
  const eventsOf = async (identity: string) =>
    ((await about(identity)).json.events as { name: string; properties: Record<string, unknown> }[])
      .map(({ name, properties }) => `${name} ${properties.Price}`)
      .sort();

  it("that knows the id of a server's command, or guesses it, takes nothing away from it and changes nothing in it", async () => {
    const [bob, a] = [somebody("bob"), mintAnonymous()];
    // An app's own id (version 5) and one of ours (version 7), by name and by the visitor's anonymous identity.
    const [own, made] = ["5d1f1f0a-8c1e-5a3b-9d53-5b1f6f1f0a11", "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11"];
    const time = Date.now() - 1000;
    await send("server-of-shop", alias(a, bob));
    for (const key of ours.toReversed()) {
      for (const id of [own, made]) {
        const price = key === "server-of-shop" ? 5 : 0;
        const lines = [record(a, `At ${id.slice(14, 15)}`, { Price: price }, { id, time })];
        // Earlier, and under the other identity of the person: there it would be the one that counts.
        if (key !== "server-of-shop") lines.push(record(a, "Earlier", { Price: price }, { id, time: time - 500 }));
        if (key === "trusted-of-shop") lines.push(record(bob, "Earlier", { Price: price }, { id, time: time - 500 }));
        expect((await send(key, ...lines)).rejected).toEqual([]);
      }
    }
    expect(await eventsOf(bob)).toEqual(expect.arrayContaining(["At 5 5", "At 7 5"]));
  });

  it("that works out the id of a server's classic call changes nothing in it", async () => {
    const a = mintAnonymous();
    const time = { _t: Math.floor(Date.now() / 1000) - 10, _d: 1 };
    await call("server-of-shop", "e", { _p: a, _n: "Paid", Price: 5, ...time });
    const [{ id }] = (await about(a)).json.events;
    await call("browser-of-shop", "e", { _p: a, _n: "Paid", Price: 0, ...time });
    await send(
      "browser-of-shop",
      record(a, "Paid", { Price: 0 }, { id, time: time._t * 1000 }),
      record(a, "Paid", { Price: 0 }, { id, time: time._t * 1000 - 5000 }),
    );
    expect(await eventsOf(a)).toContain("Paid 5");
  });

  it("that makes a server's classic call before the server does keeps it from nothing", async () => {
    const a = mintAnonymous();
    const time = { _t: Math.floor(Date.now() / 1000) - 10, _d: 1 };
    await call("browser-of-shop", "e", { _p: a, _n: "Paid", Price: 0, ...time });
    await call("server-of-shop", "e", { _p: a, _n: "Paid", Price: 5, ...time });
    expect(await eventsOf(a)).toContain("Paid 5");
  });

  it("that sends again counts once, as everybody, also with an id of its own at another time", async () => {
    const [a, id] = [mintAnonymous(), randomUUID()];
    const line = record(a, "Seen", { Price: 1 }, { id, time: Date.now() - 5000 });
    await send("browser-of-shop", line, line);
    await send("browser-of-shop", line, record(a, "Seen", { Price: 1 }, { id }));
    // Another key of the product's pages is as good.
    await send("trusted-of-shop", line);
    const time = { _t: Math.floor(Date.now() / 1000) - 10, _d: 1 };
    for (const _ of [1, 2]) await call("browser-of-shop", "e", { _p: a, _n: "Called", Price: 1, ...time });
    expect(await eventsOf(a)).toEqual(["Called 1", "Seen 1"]);
  });

  it("does not decide how people are shown a server's names, before or after", async () => {
    const [a, b] = [mintAnonymous(), somebody()];
    const long = { time: Date.now() - 30 * day };
    await send("browser-of-shop", record(a, "WATCHED a film", { FILM: "x" }, long), record(a, "ONLY the Page", {}, long));
    await send("server-of-shop", record(b, "Watched a Film", { Film: "y" }));
    await send("server-of-shop", record(b, "Left", { Seat: 1 }));
    await send("browser-of-shop", record(a, "LEFT", { SEAT: "x" }, long));
    const { events } = (await about(a)).json as { events: { name: string; properties: object }[] };
    expect(events.map(({ name, properties }) => [name, ...Object.keys(properties)]).sort()).toEqual([
      ["Left", "Seat"],
      ["ONLY the Page"],
      ["Watched a Film", "Film"],
    ]);
  });
});

describe("products", () => {
  const product = async (name: string, identity: string) => {
    const { status, json } = await about(identity, name);
    return {
      status,
      tied: await tied(identity, name),
      events: (json.events ?? []).map((event: { name: string }) => event.name).sort(),
      properties: json.properties,
    };
  };

  it("have nothing to do with each other: people, aliases, ids, names, and what is exported", async () => {
    const [a, bob, id] = [mintAnonymous(), somebody("bob"), randomUUID()];
    const time = Date.now() - 1000;
    await send("server-of-shop", record(bob, "Rented a Film", { Film: "M" }, { id, time }), record(a, "Came", {}, { time }), alias(a, bob));
    await send(
      "server-of-blog",
      record(bob, "rented A film", { fILM: "N" }, { id, time: time - 5000 }),
      record(a, "Came", {}, { id, time }),
    );
    await send("browser-of-blog", record(a, "RENTED A FILM", { FILM: "O" }, { id, time: time - 6000 }));
    await call("server-of-blog", "e", { _p: bob, _n: "Only in the blog" });
    expect(await product("shop", bob)).toEqual({
      status: 200,
      tied: [a, bob].sort(),
      events: ["Came", "Rented a Film"],
      properties: { Film: { value: "M", time } },
    });
    expect(await product("blog", bob)).toMatchObject({
      tied: [bob],
      events: ["Only in the blog", "rented A film"],
      properties: { fILM: { value: "N" } },
    });
    expect(await product("blog", a)).toMatchObject({ tied: [a], events: ["Came", "rented A film"], properties: { fILM: { value: "O" } } });
    for (const [name, mine, others] of [
      ["shop", "Rented a Film", "Only in the blog"],
      ["blog", "Only in the blog", "Rented a Film"],
    ] as const) {
      const lines = await (await fetch(`${running.url}/v1/export?product=${name}`, { headers: admin })).text();
      expect(lines).toContain(mine);
      expect(lines).not.toContain(others);
      const ties = lines.split("\n").filter((line) => line.includes("_p2") && line.includes(bob));
      expect(ties).toHaveLength(name === "shop" ? 1 : 0);
    }
    expect((await about(bob, "nobody's")).json.code).toBe("KM_PRODUCT_UNKNOWN");
  });
});
