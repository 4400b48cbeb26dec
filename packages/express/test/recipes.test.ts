import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "@kmkit/core";
import { ask, Browser, people, type Receiver, runSnippet, snippetsOf, startReceiver, told } from "@kmkit/testkit";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

const A = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11";
const B = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0b22";
const snippets = snippetsOf("packages/express/RECIPES.md");

let receiver: Receiver;
let directory: string;
beforeEach(async () => {
  receiver = await startReceiver();
  directory = mkdtempSync(join(tmpdir(), "kmkit-recipes-"));
  // Done last, after the programs have ended: until then they write, and what they hand over at their end must find the receiver.
  onTestFinished(async () => {
    await receiver.close();
    rmSync(directory, { recursive: true, force: true });
  });
});

/** Starts the program of a recipe, as it stands on the page. */
async function cook(heading: string, nth = 0): Promise<{ url: string; complaints: () => string; browser: () => Browser }> {
  const snippet = snippets.filter((one) => one.heading === heading)[nth];
  if (snippet === undefined) throw new Error(`there is no recipe ${heading}`);
  const child = await runSnippet(snippet, { url: receiver.url, directory });
  awaited = undefined;
  onTestFinished(async () => {
    // A process that is told to end hands over all it has: what must not come would be here now.
    child.process.kill();
    await child.ended;
    if (awaited !== undefined) expect(lines()).toHaveLength(awaited);
  });
  const url = `http://127.0.0.1:${await child.line("ready")}`;
  return { url, complaints: () => child.output.error, browser: () => new Browser(url) };
}

const commands = () => receiver.commands as unknown as Command[];
const lines = () => told(commands());
const aliases = () => told(commands().filter(({ type }) => type === "alias"));
/** How many commands the test has waited for. */
let awaited: number | undefined;
/** Waits until the collector has so many commands; that there are no more is looked at when the program has ended. */
async function arrived(count: number): Promise<void> {
  awaited = count;
  await vi.waitFor(() => expect(receiver.commands.length, lines().join("\n")).toBeGreaterThanOrEqual(count), { timeout: 5000 });
  expect(lines()).toHaveLength(count);
}
describe("the recipes keep what they promise", () => {
  it("an API on a sub-domain: the visitor of the pages is the caller of the API", async () => {
    const visitor = (await cook("An API on a sub-domain")).browser();
    const page = await visitor.page("/any", { host: "www.shop.example" });
    expect(page.ours.filter((line) => line.includes("Domain=shop.example") && !line.includes("Max-Age=0"))).toHaveLength(2);
    const origin = "https://www.shop.example";
    const headers = { host: "api.shop.example", origin, "sec-fetch-site": "same-site" };
    const preflight = { host: headers.host, origin, "access-control-request-method": "POST" };
    expect((await visitor.call("/cart", preflight, "OPTIONS")).ours).toEqual([]);
    const answer = await visitor.call("/cart", headers, "POST");
    expect(answer.headers).toMatchObject({ "access-control-allow-origin": origin, "access-control-allow-credentials": "true" });
    await arrived(1);
    expect(lines()).toEqual([`${visitor.anonymous}: Added to Cart`]);
  });

  it("a mobile app: one alias however many calls, no cookie, and two users of one telephone are two people", async () => {
    const { url, complaints } = await cook("A mobile app, without cookies");
    const screens = async (installation: string, token?: string) => {
      const headers = { "x-install-id": installation, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(`${url}/screens/${n}`, { method: "POST", headers })));
      expect(answers.flatMap(({ cookies }) => cookies)).toEqual([]);
    };
    await screens(A.toUpperCase());
    await screens(A, "t0k3n");
    await screens(A, "t0k3n");
    await screens(B);
    await screens(B, "t0k4n");
    await arrived(102);
    expect(aliases().sort()).toEqual([`${A} = 42`, `${B} = 43`]);
    expect(people(commands())).toEqual([
      ["0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0a11", "42"],
      ["0199f0c0-8c1e-7a3b-9d53-5b1f6f1f0b22", "43"],
    ]);
    expect(complaints()).toBe("");
    // An app that keeps its identity at log out: nothing is merged, and it is told.
    await screens(A, "t0k4n");
    await arrived(122);
    expect(aliases()).toHaveLength(2);
    expect(complaints()).toContain("KM_ALIAS_CLAIMED");
  });

  it("a mobile app: nobody is a user by sending their id", async () => {
    const { url } = await cook("A mobile app, without cookies");
    for (const forged of ["42", "8f14e45f-ceea-467f-a8d1-2f3c5b6a7d80", "bob@bob.com"])
      await ask(`${url}/screens/home`, { method: "POST", headers: { "x-install-id": forged } });
    await arrived(3);
    expect(new Set(commands().map(({ identity }) => identity[14]))).toEqual(new Set(["7"]));
  });

  it("bearer tokens: no cookie, no alias", async () => {
    const { url } = await cook("Bearer tokens");
    const headers = { authorization: "Bearer t0k3n" };
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(`${url}/orders`, { method: "POST", headers })));
    expect(answers.flatMap(({ cookies }) => cookies)).toEqual([]);
    expect((await ask(`${url}/orders`, { method: "POST" })).status).toBe(401);
    await arrived(20);
    expect(new Set(lines())).toEqual(new Set(["42: Ordered"]));
  });

  it("a payment webhook: sent again it counts once, at its own time; forged it does not count", async () => {
    const { url } = await cook("A payment webhook");
    const send = async (event: object, secret = "whsec") => {
      const body = JSON.stringify(event);
      const signature = createHmac("sha256", secret).update(body).digest("hex");
      const headers = { "content-type": "application/json", "x-signature": signature };
      return (await ask(`${url}/webhooks/payment`, { method: "POST", body, headers })).status;
    };
    const event = { id: "evt_1", customer: "bob@bob.com", amount: 99.95, created: 1_764_000_000 };
    expect([await send(event), await send(event), await send({ ...event, id: "evt_2" })]).toEqual([204, 204, 204]);
    expect(await send(event, "guess")).toBe(401);
    await arrived(3);
    // The collector keeps what has the same id once.
    expect(new Set(commands().map(({ id }) => id)).size).toBe(2);
    expect(new Set(commands().map(({ time }) => time))).toEqual(new Set([1_764_000_000_000]));
    expect(lines()[0]).toBe("bob@bob.com: Paid");
  });

  it("passport: log in ties what was before, log out begins somebody else", async () => {
    const visitor = (await cook("Passport")).browser();
    await visitor.page("/");
    const first = visitor.anonymous;
    await visitor.form("/login", { email: "bob@bob.com" });
    await visitor.page("/");
    await visitor.form("/logout");
    await visitor.page("/");
    const second = visitor.anonymous;
    await visitor.form("/login", { email: "bill@bob.com" });
    await arrived(8);
    expect(aliases()).toEqual([`${first} = 42`, `${second} = 43`]);
    expect(people(commands())).toEqual([[first, "42"].sort(), [second, "43"].sort()]);
    expect(lines()).toEqual([
      `${first}: Viewed Homepage`,
      `${first} = 42`,
      "42: Logged In",
      "42: Viewed Homepage",
      "42: Logged Out",
      `${second}: Viewed Homepage`,
      `${second} = 43`,
      "43: Logged In",
    ]);
  });

  it("a background job: run twice it counts once", async () => {
    const snippet = snippets.find(({ heading }) => heading === "A background job");
    for (const _ of [1, 2]) {
      const child = await runSnippet(snippet as (typeof snippets)[0], { url: receiver.url, directory });
      expect(await child.ended).toEqual({ code: 0, signal: null });
      expect(child.output).toEqual({ out: "{ sent: 2, kept: 0, dropped: 0 }\n", error: "" });
    }
    await arrived(4);
    expect(new Set(commands().map(({ id }) => id)).size).toBe(2);
  });

  it("behind a proxy: Secure where the proxy says https, and a cookie in any case", async () => {
    const { url } = await cook("Behind a proxy");
    const headers = { accept: "text/html" };
    for (const line of (await ask(url, { headers: { ...headers, "x-forwarded-proto": "https" } })).ours) expect(line).toContain("; Secure");
    const plain = (await ask(url, { headers })).ours;
    expect(plain).toHaveLength(2);
    for (const line of plain) expect(line).not.toContain("; Secure");
  });

  it("a consent banner: not asked nothing, yes everything, no takes the cookies back", async () => {
    const visitor = (await cook("A consent banner")).browser();
    const answer = (word: string) => visitor.form("/consent", { answer: word });
    expect((await visitor.page("/")).cookies).toEqual([]);
    await answer("yes");
    expect((await visitor.page("/")).ours).toHaveLength(2);
    const before = visitor.anonymous;
    await arrived(1);
    await answer("no");
    await visitor.page("/");
    expect([...visitor.jar.values()].map(({ name, value }) => `${name}=${value}`)).toEqual(["consent=no"]);
    expect((await visitor.page("/")).cookies).toEqual([]);
    await answer("yes");
    await visitor.page("/");
    await arrived(2);
    expect(visitor.anonymous).not.toBe(before);
    expect(lines()).toEqual([`${before}: Viewed Homepage`, `${visitor.anonymous}: Viewed Homepage`]);
  });

  it("changing an e-mail address: the old and the new one are one person, another visitor is not", async () => {
    const recipe = await cook("Changing an e-mail address");
    const [bob, bill] = [recipe.browser(), recipe.browser()];
    await bob.page("/");
    const anonymous = bob.anonymous;
    for (const [who, path, email] of [
      [bob, "/login", "bob@old.example"],
      [bill, "/login", "bill@bob.com"],
      [bob, "/account/email", "bob@new.example"],
    ] as const)
      await who.form(path, { email });
    await bob.page("/");
    // The order in which answers end is not that in which they were asked for.
    const bobs = () => people(commands()).find((one) => one.includes("bob@new.example"));
    await vi.waitFor(() => expect(bobs()).toEqual(expect.arrayContaining([anonymous, "bob@old.example", "bob@new.example"])), {
      timeout: 5000,
    });
    await vi.waitFor(() => expect(lines()).toContain("bob@new.example: Viewed Homepage"), { timeout: 5000 });
    await vi.waitFor(() => expect(people(commands()).some((one) => one.includes("bill@bob.com"))).toBe(true), { timeout: 5000 });
    expect(bobs()).not.toContain("bill@bob.com");
  });

  it("beside KISSmetrics' own script: its identity stays, ours is one that it can read", async () => {
    const recipe = await cook("Beside KISSmetrics' own script");
    const theirs = recipe.browser();
    theirs.put("km_ai", "AAECAwQFBgcICQoLDA0ODxAREhM%3D");
    await theirs.page("/", { host: "www.shop.example" });
    const fresh = recipe.browser();
    const { ours } = await fresh.page("/", { host: "www.shop.example" });
    for (const line of ours) expect(line).not.toContain("HttpOnly");
    expect(ours.find((line) => /^km_ai=[^;]/.test(line))).toContain("Domain=shop.example");
    await arrived(2);
    expect(lines()).toEqual(["AAECAwQFBgcICQoLDA0ODxAREhM=: Viewed Homepage", `${fresh.anonymous}: Viewed Homepage`]);
  });

  it.each(["Express", "Fastify"])("NestJS on %s: who comes back is the same", async (framework) => {
    const recipe = await cook("NestJS", ["Express", "Fastify"].indexOf(framework));
    const [one, two] = [recipe.browser(), recipe.browser()];
    for (const visitor of [one, two, one]) expect(await visitor.page("/")).toMatchObject({ status: 200, text: "Hello" });
    await arrived(3);
    expect(lines()).toEqual([one, two, one].map(({ anonymous }) => `${anonymous}: Viewed Homepage`));
    expect(one.anonymous).not.toBe(two.anonymous);
  });
});
