import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { snippetsOf } from "@kmkit/testkit";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { type Running, runCollector } from "./collector-fixture.ts";
import { type BadLine, badLine, type Language, languages, missing, nobody, openWorkplace, type Workplace } from "./languages.ts";

// What is no program: a line for /etc/hosts, and how the collector is started.
const snippets = snippetsOf("packages/collector/CLIENTS.md").filter(({ language }) => language !== "" && language !== "sh");
const programs = new Map(snippets.map(({ told, source }) => [told.file ?? "", source]));
const kinds = ["classic", "replay", "commands"];
const admin = "the-admin-token";

// A product for each program: nothing of one is in another's export.
const products = [...languages.flatMap(({ ending }) => kinds.map((kind) => `${kind}.${ending}`)), "image.html", "script.html"];
const keyOf = (product: string) => `key-of-${product}`;

let running: Running;
beforeAll(async () => {
  running = await runCollector({ keys: products.map((product) => ({ key: keyOf(product), product, kind: "server" as const })), admin });
});
afterAll(async () => {
  expect(running.errors).toEqual([]);
  await running.end();
});

const read = (path: string) => fetch(`${running.url}${path}`, { headers: { authorization: `Bearer ${admin}` } });

/** What a product holds, as lines of the export in the order of their text; times since `from` say `now`. */
async function stored(product: string, from = Date.now() / 1000): Promise<unknown[]> {
  const text = await (await read(`/v1/export?product=${product}`)).text();
  const lines = text.split("\n").filter((line) => line !== "");
  return lines
    .map((line) => JSON.parse(line))
    .map((line) => ({ ...line, _t: line._t >= Math.floor(from) && line._t <= Date.now() / 1000 ? "now" : line._t }))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

const visitor = "nbTo2Y6g+Mjpu12wKz5p/PBeIXk=";
const bob = "bob@bob.com";

/** What the programs of the classic calls say. */
const classic = [
  { _p: bob, _n: "Signed Up", _t: "now", Plan: "Pro", Amount: 99.95, City: "Zürich" },
  { _p: bob, _n: "Signed Up", _t: 1234567890 },
  { _p: bob, _t: "now", gender: "male" },
  { _p: visitor, _n: "Viewed Homepage", _t: "now" },
  { _p: visitor, _t: "now", _p2: bob },
];

/** What the programs of the commands say. */
const commands = [
  { _p: bob, _t: 1769860800, Plan: "Pro", Trial: false },
  { _p: "customer-17", _n: "Paid", _t: 1769860800, Amount: 19.99, City: "Zürich" },
  { _p: "customer-17", _t: 1769860800, _p2: bob },
];

function same(found: readonly unknown[], wanted: readonly unknown[]): void {
  expect(found).toHaveLength(wanted.length);
  expect(found).toEqual(expect.arrayContaining([...wanted]));
}

interface Person {
  readonly identities: readonly { identity: string }[];
  readonly properties: Record<string, { value: unknown; time: number }>;
  readonly events: readonly { name: string; identity: string }[];
}

async function personOf(product: string, identity: string): Promise<Person> {
  return (await (await read(`/v1/people?product=${product}&identity=${encodeURIComponent(identity)}`)).json()) as Person;
}

/** What a test needs; it is taken away at the test's end. Tests here run at once, so they say whose it is. */
async function workplace({ onTestFinished }: TestContext): Promise<Workplace> {
  const place = await openWorkplace();
  onTestFinished(() => place.end());
  return place;
}

async function line({ onTestFinished }: TestContext, mishaps: Parameters<typeof badLine>[1]): Promise<BadLine> {
  const opened = await badLine(running.url, mishaps);
  onTestFinished(() => opened.end());
  return opened;
}

/** Skips a test whose interpreter is not here. */
function need(language: Language, { skip }: TestContext): void {
  const why = missing(language);
  if (why !== undefined) skip(why);
}

it("every program of the page is run", () => {
  expect([...programs.keys()].sort()).toEqual([...products].sort());
  expect(snippets).toHaveLength(products.length);
});

const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";

describe.skipIf(!existsSync(chromium) && process.env.CI !== "true")(`in a page (needs ${chromium})`, () => {
  it.concurrent.for([
    ["image.html", "Opened Newsletter", { Issue: 42 }],
    ["script.html", "Played Video", { Title: "Zürich & back" }],
  ] as const)("%s is one event", async ([product, _n, properties], context) => {
    const place = await workplace(context);
    const page = join(place.directory, "page.html");
    const source = programs.get(product) as string;
    const told = source.replace("https://km.shop.example", running.url).replace("KEY", keyOf(product));
    await writeFile(page, `<!doctype html><meta charset="utf-8"><title>A page</title>${told}`);
    const from = Date.now() / 1000;
    const quiet = [
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ];
    const own = [
      "--headless",
      "--no-sandbox",
      `--user-data-dir=${join(place.directory, "browser")}`,
      "--dump-dom",
      pathToFileURL(page).href,
    ];
    await promisify(execFile)(chromium, [...quiet, ...own], { timeout: 25_000 });
    same(await stored(product, from), [{ _p: visitor, _n, _t: "now", ...properties }]);
  });
});

describe.concurrent.each(languages)("$name", (language) => {
  const source = (kind: string) => programs.get(`${kind}.${language.ending}`) as string;

  it("sends classic calls", async (context) => {
    need(language, context);
    const product = `classic.${language.ending}`;
    const from = Date.now() / 1000;
    const place = await workplace(context);
    expect(await place.run(language, source("classic"), { KMKIT_URL: running.url, KMKIT_KEY: keyOf(product) })).toEqual({
      code: 0,
      output: "",
    });
    expect(await place.read("km.log")).toBeUndefined();
    same(await stored(product, from), classic);
    const person = await personOf(product, visitor);
    expect(person.identities.map(({ identity }) => identity).sort()).toEqual([bob, visitor]);
    expect(person.properties).toMatchObject({
      Plan: { value: "Pro" },
      Amount: { value: 99.95 },
      City: { value: "Zürich" },
      gender: { value: "male" },
    });
    expect(person.events).toHaveLength(3);
  });

  it("keeps in a log what it cannot send, and replays it: all of it, once, with its times", async (context) => {
    need(language, context);
    const product = `replay.${language.ending}`;
    const from = Date.now() / 1000;
    const place = await workplace(context);
    const away = { KMKIT_URL: await nobody(), KMKIT_KEY: keyOf(product) };
    expect(await place.run(language, source("classic"), away)).toEqual({ code: 0, output: "" });
    const log = (await place.read("km.log")) as string;
    expect(log.match(/^\/[esa]\?\S+$/gm)).toHaveLength(5);
    expect((await stat(join(place.directory, "km.log"))).mode & 0o077).toBe(0);
    // Something in front of the collector says that it is away: no answer of the collector's, so it waits in the log.
    const busy = await line(context, Array(5).fill("busy"));
    expect((await place.run(language, source("classic"), { ...away, KMKIT_URL: busy.url })).code).toBe(0);
    expect((await place.read("km.log"))?.match(/^\/[esa]\?\S+$/gm)).toHaveLength(10);
    const until = Date.now() / 1000;

    const broken = await line(context, ["none", "lost answer", "cut", "cut", "cut"]);
    expect((await place.run(language, source("replay"), { KMKIT_URL: broken.url })).code).not.toBe(0);
    expect(await place.read("km.sending")).toContain(log);
    expect(await place.read("km.log")).toBeUndefined();

    expect(await place.run(language, source("replay"), { KMKIT_URL: running.url })).toEqual({ code: 0, output: "" });
    expect(await place.read("km.sending")).toBeUndefined();
    // Whatever second of the two runs each is of: where it is the same one, both are one.
    const found = await stored(product, from);
    const distinct = [...new Set(found.map((one) => JSON.stringify(one)))].map((one) => JSON.parse(one));
    same(distinct, classic);
    const text = await (await read(`/v1/export?product=${product}`)).text();
    for (const [, time] of text.matchAll(/"_t":(\d+)/g)) expect(Number(time)).toBeLessThanOrEqual(until);

    // Again, as after a replay that died before it could take the log away.
    await writeFile(join(place.directory, "km.log"), log);
    expect(await place.run(language, source("replay"), { KMKIT_URL: running.url })).toEqual({ code: 0, output: "" });
    same(await stored(product, from), found);
    expect(await place.run(language, source("replay"), { KMKIT_URL: running.url })).toEqual({ code: 0, output: "" });
  });

  it("sends commands exactly once over a bad line, and when it is run again", async (context) => {
    need(language, context);
    const product = `commands.${language.ending}`;
    const place = await workplace(context);
    const bad = await line(context, ["lost answer", "busy"]);
    const env = { KMKIT_URL: bad.url, KMKIT_KEY: keyOf(product) };
    const answer = language.ending === "sh" ? '{"accepted":3,"rejected":[]}' : "";
    expect(await place.run(language, source("commands"), env)).toEqual({ code: 0, output: answer });
    expect(bad.requests()).toBe(3);
    same(await stored(product), commands);
    expect(await place.run(language, source("commands"), env)).toEqual({ code: 0, output: answer });
    same(await stored(product), commands);
    expect((await personOf(product, bob)).identities.map(({ identity }) => identity).sort()).toEqual([bob, "customer-17"]);
  });

  it("says at once that its key is not known, and which line is refused for good", async (context) => {
    need(language, context);
    const product = `commands.${language.ending}`;
    const place = await workplace(context);
    const stranger = await place.run(language, source("commands"), { KMKIT_URL: running.url, KMKIT_KEY: "unknown" });
    expect(stranger.code).not.toBe(0);
    expect(stranger.output).toContain("KM_KEY_REFUSED");
    const some = await place.run(language, source("commands").replaceAll("customer-17", "x".repeat(256)), {
      KMKIT_URL: running.url,
      KMKIT_KEY: keyOf(product),
    });
    expect(some.output).toContain("KM_IDENTITY_TOO_LONG");
    expect(some.code).toBe(0);
  });
});
