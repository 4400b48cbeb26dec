import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Person } from "../src/index.ts";
import { alias, get, ndjson, permutations, person, post, type Running, record, runCollector, set, somebody } from "./collector-fixture.ts";

let running: Running;
let url: string;
beforeAll(async () => {
  running = await runCollector();
  url = running.url;
});
afterAll(() => running.end());

const now = Date.now();
/** The start of a second an hour ago. */
const second = Math.floor(now / 1000) * 1000 - 3_600_000;
const names = (found: Person): string[] => found.identities.map((one) => one.identity).sort();

describe("a person", () => {
  it("is shown at once, whichever way the alias was given, twice, before the data and after it, in one batch and in several", async () => {
    const bodies = (a: string, b: string): string[][] => [
      [ndjson(record(a, "x"), record(b, "x"), alias(a, b))],
      [ndjson(alias(b, a), record(a, "x"), record(b, "x"))],
      [alias(a, b), alias(b, a), alias(a, b), record(b, "x"), record(a, "x")],
      [record(a, "x"), alias(b, a), record(b, "x")],
    ];
    for (const number of bodies("", "").keys()) {
      const [a, b] = [somebody("a"), somebody("b")];
      for (const body of bodies(a, b)[number] as string[]) expect((await post(url, body)).json.rejected).toEqual([]);
      for (const who of [a, b]) expect(names(await person(url, who))).toEqual([a, b]);
    }
  });

  it("is one with a third identity that is tied later, and shows all events of all three", async () => {
    const [a, b, c] = [somebody("a"), somebody("b"), somebody("c")];
    await post(url, ndjson(record(a, "1"), record(b, "2"), record(c, "3"), alias(a, b)));
    expect(names(await person(url, c))).toEqual([c]);
    await post(url, alias(c, b));
    const found = await person(url, a);
    expect(names(found)).toEqual([a, b, c]);
    expect(found.events.map((event) => event.name).sort()).toEqual(["1", "2", "3"]);
  });

  it("is tied by way of an identity that never did anything, which itself is nobody", async () => {
    const [a, b, hidden] = [somebody("a"), somebody("b"), somebody("hidden")];
    await post(url, ndjson(record(a, "x"), record(b, "x"), alias(a, hidden), alias(hidden, b)));
    expect(names(await person(url, a))).toEqual([a, b]);
    expect(await get(`${url}/v1/people/${hidden}`)).toMatchObject({ status: 404, json: { code: "KM_PERSON_UNKNOWN" } });
    await post(url, set(hidden, { Late: true }));
    expect(names(await person(url, b))).toEqual([a, b, hidden]);
  });

  it("is not tied to somebody whose identity differs by case or space", async () => {
    const who = somebody("Case");
    await post(url, ndjson(record(who, "x"), record(who.toLowerCase(), "y"), record(` ${who}`, "z")));
    expect(names(await person(url, who))).toEqual([who]);
    expect(names(await person(url, ` ${who}`))).toEqual([` ${who}`]);
    expect((await person(url, who.toLowerCase())).events).toHaveLength(1);
  });

  it("who is not known gives 404 with a code and a message, as JSON", async () => {
    const answer = await get(`${url}/v1/people/${somebody()}`);
    expect(answer).toMatchObject({
      status: 404,
      json: { code: "KM_PERSON_UNKNOWN", message: expect.stringMatching(/never seen|ever seen/) },
    });
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  it.each([
    "nbTo2Y6gBMjpu12wKz5pgPBeIXk=",
    "a/b/c",
    "/",
    "a+b@shop.example",
    "a b",
    "100%",
    "%2F",
    "%41%C3%BC",
    "a%zz",
    "who?&limit=0",
    "#1",
    "a;b:c@d,e$f!g'h(i)j*k",
    "🙂",
    "ünï\u0301cøde",
    "a\\b",
    "a//b",
    "...",
    "a\tb\nc",
    "healthz",
    "a".repeat(255),
    "€".repeat(255),
  ])("is found under %j in the path", async (identity) => {
    await post(url, record(identity, "x", { me: identity }));
    const found = await person(url, identity);
    expect(names(found)).toEqual([identity]);
    expect(found.events).toMatchObject([{ identity, properties: { me: Number(identity) || identity } }]);
  });

  it("asked for by HEAD gives the status and no body", async () => {
    const who = somebody();
    await post(url, record(who, "x"));
    const response = await fetch(`${url}/v1/people/${who}`, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  it("is right at once under load: every answered command is in the next reading", async () => {
    const load = somebody("load");
    let going = true;
    const busy = (async () => {
      while (going) await post(url, ndjson(...Array.from({ length: 500 }, (_, n) => record(load, `Noise ${n % 5}`, { n }))));
    })();
    onTestFinished(async () => {
      going = false;
      await busy;
    });
    const who = somebody();
    for (let n = 1; n <= 10; n++) {
      const next = `${who}/${n}`;
      await post(url, ndjson(record(next, "x"), alias(next, `${who}/${n - 1}`)));
      const asked = performance.now();
      expect((await person(url, next)).events).toHaveLength(n);
      // It waits for what came before it, not for a quiet moment.
      expect(performance.now() - asked).toBeLessThan(3000);
    }
  });
});

describe("pages of events", () => {
  const who = somebody("pages");
  beforeAll(async () => {
    await post(url, ndjson(...Array.from({ length: 25 }, (_, n) => record(who, `E${n}`, {}, { time: second + Math.floor(n / 2) }))));
  });

  it.each([1, 7, 24, 25])("of %i show every event once, newest first, and end", async (limit) => {
    const got: string[] = [];
    let next: string | null = "";
    while (next !== null) {
      const query: string = next === "" ? "" : `&next=${next}`;
      const page: Person = await person(url, who, `?limit=${limit}${query}`);
      expect(page.events.length).toBeLessThanOrEqual(limit);
      expect(page.identities).toHaveLength(1);
      got.push(...page.events.map((event) => event.name));
      next = page.next;
    }
    expect(got).toHaveLength(25);
    expect(new Set(got).size).toBe(25);
    expect(got[0]).toBe("E24");
  });

  it("are of 200 unless told, and of 1,000 at the most", async () => {
    const many = somebody("many");
    await post(url, ndjson(...Array.from({ length: 1001 }, (_, n) => record(many, "x", {}, { time: second + n }))));
    for (const [query, length] of [
      ["", 200],
      ["?limit=1000", 1000],
      ["?limit=9999", 1000],
    ] as const) {
      const page = await person(url, many, query);
      expect(page.events).toHaveLength(length);
      expect(page.next).toEqual(expect.any(String));
    }
  });

  it.each([
    "limit=0",
    "limit=-1",
    "limit=1.5",
    "limit=abc",
    "limit=",
    "limit=10000",
    "limit=1e2",
    "next=",
    "next=abc",
    "next=MTIz",
    "next=%00",
    "next=%FF",
  ])("are refused with 400 for %s, also of somebody who is not known", async (query) => {
    for (const identity of [who, "nobody-at-all"]) {
      expect(await get(`${url}/v1/people/${identity}?${query}`)).toMatchObject({ status: 400, json: { code: "KM_CURSOR_INVALID" } });
    }
  });
});

describe("what comes late, twice, and in any order", () => {
  // The eighth input and the seventh of demand.md part B.
  let minted = 0;
  /** Ids sort as they were minted, like those of a client. */
  const id = (): string => `0199f0c0-0000-7000-8000-${String(++minted).padStart(12, "0")}`;
  const commands = (who: string): string[] => [
    set(who, { Plan: "Free" }, { id: id(), time: second }),
    set(who, { Plan: "Pro" }, { id: id(), time: second + 1000 }),
    record(who, "First", {}, { id: id(), time: second + 100 }),
    record(who, "Last", {}, { id: id(), time: second + 900 }),
  ];
  const right = (found: Person): void => {
    expect(found.properties.Plan?.value).toBe("Pro");
    expect(found.events.map((event) => event.name)).toEqual(["Last", "First"]);
    expect(found.identities).toMatchObject([{ commands: 4 }]);
  };

  it("gives the same person in every permutation of the commands, in one batch and in four", async () => {
    for (const order of permutations([0, 1, 2, 3])) {
      const [one, four] = [somebody("one"), somebody("four")];
      const lines = (who: string): string[] => {
        const made = commands(who);
        return order.map((at) => made[at] as string);
      };
      const twice = lines(one);
      await post(url, ndjson(...twice, ...twice));
      for (const line of lines(four)) await post(url, line);
      right(await person(url, one));
      right(await person(url, four));
    }
  });

  it("gives the same person for times of 10 digits, of 13, and of both", async () => {
    const seconds = (line: string): string => {
      const command = JSON.parse(line);
      return JSON.stringify({ ...command, time: Math.floor(command.time / 1000) });
    };
    for (const mix of [[1], [0, 1], [1, 0], [1, 1, 0, 0]]) {
      const who = somebody("digits");
      const lines = commands(who).reverse();
      for (const short of mix) await post(url, ndjson(...(short ? lines.map(seconds) : lines)));
      right(await person(url, who));
    }
  });

  it("is stored at its own time when it comes a year late", async () => {
    const who = somebody("late");
    const ago = second - 365 * 86_400_000;
    await post(url, record(who, "x", {}, { time: second }));
    await post(url, record(who, "y", { Plan: "Old" }, { time: ago }));
    expect((await person(url, who)).events.map((event) => [event.name, event.time])).toEqual([
      ["x", second],
      ["y", ago],
    ]);
  });
});

describe("names", () => {
  it("are one in any case and with commas and colons, and shown as first written by time, in whatever order they come", async () => {
    for (const [at, order] of permutations([0, 1, 2, 3]).entries()) {
      const who = somebody("names");
      // In order of time: the earliest writing is `Signed: Up`, which is shown with a space for the colon.
      const event = ["Signed: Up", "SIGNED, UP", "Signed: Up", "signed  up"].map((name) => `${name} ${at}`);
      const property = ["Plan", "PLAN", "Plan", "plan"].map((name) => `${name} ${at}`);
      for (const n of order) {
        await post(url, record(who, event[n], { [property[n] as string]: n }, { time: second + n * 1000 }));
      }
      const found = await person(url, who);
      expect(found.events.map((one) => one.name)).toEqual(Array(4).fill(`Signed  Up ${at}`));
      expect(Object.keys(found.properties)).toEqual([`Plan ${at}`]);
      expect(found.properties[`Plan ${at}`]?.value).toBe(3);
    }
  });

  it("that came in one body are shown as first written by time", async () => {
    const who = somebody("names");
    const times = [3000, 2000, 1000, 2500];
    await post(
      url,
      ndjson(
        ...times.map((ms) => record(who, ms === 1000 ? "Logged In" : `LOGGED ${ms === 2000 ? "in" : "IN"}`, {}, { time: second + ms })),
      ),
    );
    expect(new Set((await person(url, who)).events.map((one) => one.name))).toEqual(new Set(["Logged In"]));
  });

  it("written in two ways at the same moment are shown the same way, whichever came first", async () => {
    const shown = new Set<string>();
    for (const [at, order] of [
      ["TIE", "Tie"],
      ["Tie", "TIE"],
    ].entries()) {
      const who = somebody("tie");
      for (const name of order) await post(url, record(who, `${name} ${"x".repeat(at + 1)}`, {}, { time: second }));
      for (const event of (await person(url, who)).events) shown.add(event.name.slice(0, 3));
    }
    expect([...shown]).toHaveLength(1);
  });

  it("keep the case of values", async () => {
    const who = somebody("values");
    await post(url, ndjson(set(who, { Tier: "Gold" }, { time: second }), record(who, "x", { TIER: "gold" }, { time: second - 1 })));
    expect((await person(url, who)).properties).toEqual({ TIER: { value: "Gold", time: second } });
  });
});

describe("the export", () => {
  it("is NDJSON in KISSmetrics' form, each command once, with what was acknowledged a moment ago", async () => {
    const who = somebody("export");
    const body = ndjson(
      record(who, "Paid", { Amount: 5, Note: "a\nb" }, { time: second + 999 }),
      set(who, { Tariff: "Pro" }, { time: second }),
      alias(who, `${who}.de`, { time: second }),
    );
    await post(url, body);
    await post(url, body);
    const response = await fetch(`${url}/v1/export`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("application/x-ndjson");
    const text = await response.text();
    expect(text.endsWith("\n")).toBe(true);
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.filter((line) => line._p === who)).toEqual(
      expect.arrayContaining([
        { _p: who, _n: "Paid", _t: second / 1000, Amount: 5, Note: "a\nb" },
        { _p: who, _t: second / 1000, Tariff: "Pro" },
        { _p: who, _t: second / 1000, _p2: `${who}.de` },
      ]),
    );
    expect(lines.filter((line) => line._p === who)).toHaveLength(3);
  });

  it("that the reader breaks off does no harm", async () => {
    const abort = new AbortController();
    const response = await fetch(`${url}/v1/export`, { signal: abort.signal });
    abort.abort();
    await expect(response.text()).rejects.toThrow();
    expect((await get(`${url}/healthz`)).json).toEqual({ ok: true });
    expect(running.errors).toEqual([]);
  });
});

describe("other addresses", () => {
  it.each([
    "/",
    "/v1",
    "/v1/nothing",
    "/v1/people/",
    "/v1/commands",
    "/wp-login.php",
    "/e/f",
    "/%E0%A4%A",
    "/v1/people/a/b",
    "//evil.example/x",
  ])("%s gives 404 as JSON", async (path) => {
    expect(await get(`${url}${path}`)).toMatchObject({ status: 404, json: { code: "KM_NOT_FOUND", message: expect.any(String) } });
  });

  it("healthz says that it is there", async () => {
    expect(await get(`${url}/healthz`)).toMatchObject({ status: 200, json: { ok: true } });
  });

  it("an unknown product gives 404, the only one there is may be named", async () => {
    const who = somebody();
    await post(url, record(who, "x"));
    expect((await get(`${url}/v1/people/${who}?product=local`)).status).toBe(200);
    for (const product of ["other", "", "LOCAL", "__proto__"]) {
      expect(await get(`${url}/v1/people/${who}?product=${product}`)).toMatchObject({ status: 404, json: { code: "KM_PRODUCT_UNKNOWN" } });
      expect(await get(`${url}/v1/export?product=${product}`)).toMatchObject({ status: 404, json: { code: "KM_PRODUCT_UNKNOWN" } });
    }
  });
});

describe("identities that a path would swallow", () => {
  it.each([".", ".."])("%s can be asked for by query", async (identity) => {
    await post(url, record(identity, "Seen"));
    const answer = await get(`${url}/v1/people?identity=${identity}`);
    expect(answer.json.events).toMatchObject([{ name: "Seen", identity }]);
  });
});
