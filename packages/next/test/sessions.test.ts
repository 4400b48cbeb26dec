import { join } from "node:path";
import type { Command } from "@kmkit/core";
import { type Ask, ask, type Browser, claimOf, people, type Receiver, startReceiver, told } from "@kmkit/testkit";
import { sealData } from "iron-session";
import { encode } from "next-auth/jwt";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { actionCall, actionForm, directory, heard, type Launched, launch, quiet } from "./launch.ts";
import { sealed } from "./sessions/lib/iron.ts";

let receiver: Receiver;
let server: Launched;
const outbox = directory();
beforeAll(async () => {
  receiver = await startReceiver();
  server = await launch({ folder: join(import.meta.dirname, "sessions"), env: { KMKIT_URL: receiver.url, KMKIT_OUTBOX: outbox.path } });
  await quiet(server);
});
afterAll(async () => {
  await server.end();
  await receiver.close();
  outbox.remove();
});
beforeEach(async () => {
  await quiet(server);
  receiver.clear();
});

/** How often the app's `identity` option was asked since this was asked last. */
const asked = async () => (await quiet<{ asked: number }>(server)).asked;
const seenIn = (html: string) => /id="seen">([^<]*)/.exec(html)?.[1];

interface Library {
  readonly page: "/authjs" | "/iron";
  /** The name of its cookie. */
  readonly cookie: string;
  /** What stands in the cookie of somebody whose session has expired. */
  expired(name: string): Promise<string>;
}
const authjs: Library = {
  page: "/authjs",
  cookie: "authjs.session-token",
  expired: (name) => encode({ token: { sub: name }, secret: "a secret of the test", salt: "authjs.session-token", maxAge: -60 }),
};
const iron: Library = {
  page: "/iron",
  cookie: "iron",
  async expired(user) {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 86_400_000 });
    try {
      return await sealData({ user }, { password: sealed.password, ttl: 3600 });
    } finally {
      vi.useRealTimers();
    }
  },
};

/** One way to log in, and out without a name. */
interface Way {
  readonly name: string;
  readonly library: Library;
  log(browser: Browser, name?: string, headers?: Ask["headers"]): Promise<void>;
}

/** By a server action: a form's own, or as the page's script calls it. */
const byAction = (library: Library, make: typeof actionForm): Way["log"] => {
  return async (browser, name, headers = {}) => {
    const { text } = await ask(`${server.url}${library.page}`, { headers: { accept: "text/html", "sec-gpc": "1" } });
    const { kind, ...request } = make(text, name === undefined ? "logOut" : "logIn", server.url, name === undefined ? {} : { name });
    const answer = browser.take(await browser.ask(library.page, { ...request, headers: { ...request.headers, ...headers } }, kind));
    const to = kind === "page" ? answer.headers.location : answer.headers["x-action-redirect"];
    expect([answer.status, to]).toEqual([kind === "page" ? 303 : 200, expect.stringContaining(library.page)]);
  };
};
const ways: Way[] = [
  {
    name: "Auth.js, its own route handler",
    library: authjs,
    async log(browser, name, headers = {}) {
      const { csrfToken } = JSON.parse((await browser.call("/api/auth/csrf")).text);
      const [path, fields] = name === undefined ? ["signout", {}] : ["callback/credentials", { name }];
      expect((await browser.form(`/api/auth/${path}`, { csrfToken, ...fields }, headers)).status).toBe(302);
    },
  },
  { name: "Auth.js, a server action by a form", library: authjs, log: byAction(authjs, actionForm) },
  { name: "Auth.js, a server action by a script", library: authjs, log: byAction(authjs, actionCall) },
  ...["log", "raw"].map(
    (route): Way => ({
      name: `iron-session, a route handler (${route === "log" ? "cookies()" : "on its answer"})`,
      library: iron,
      async log(browser, name, headers = {}) {
        expect((await browser.call(`/api/iron/${route}${name === undefined ? "" : `?name=${name}`}`, headers, "POST")).status).toBe(200);
      },
    }),
  ),
  { name: "iron-session, a server action by a form", library: iron, log: byAction(iron, actionForm) },
  { name: "iron-session, a server action by a script", library: iron, log: byAction(iron, actionCall) },
];

/** Loads the library's page: who its visitor is there. */
const look = async (browser: Browser, { page }: Library, headers = {}) => seenIn((await browser.page(page, headers)).text);
const act = async (browser: Browser, { page }: Library) => {
  const path = page === "/iron" ? "/api/iron/act" : "/api/authjs/act";
  return JSON.parse((await browser.call(path, {}, "POST")).text).identity as string;
};
const aliases = () => told((receiver.commands as readonly Command[]).filter(({ type }) => type === "alias"));
const sorted = (...groups: string[][]) => groups.map((group) => group.sort());

describe.each(ways)("$name", ({ library, log }) => {
  it("two people one after the other: what each did before is theirs", async () => {
    const browser = server.browser();
    const a = await look(browser, library);
    expect([browser.anonymous, browser.claim]).toEqual([a, "-"]);
    await log(browser, "bob");
    expect(await look(browser, library)).toBe("bob");
    expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a as string, "bob")]);
    expect(await act(browser, library)).toBe("bob");
    expect(await look(browser, library)).toBe("bob");

    await log(browser);
    const b = await look(browser, library);
    expect(b).not.toBe(a);
    expect([browser.anonymous, browser.claim]).toEqual([b, "-"]);
    expect(await act(browser, library)).toBe(b);

    await log(browser, "bill");
    expect(await look(browser, library)).toBe("bill");
    expect(await act(browser, library)).toBe("bill");
    expect([browser.anonymous, browser.claim]).toEqual([b, claimOf(b as string, "bill")]);

    await log(browser, "bill");
    await log(browser);
    const c = (await look(browser, library)) as string;
    await quiet(server);
    expect(aliases()).toEqual([`${a} = bob`, `${b} = bill`]);
    expect(people(receiver.commands as readonly Command[])).toEqual(sorted([a as string, "bob"], [b as string, "bill"], [c]));
  });

  it("somebody else logs in over a session", async () => {
    const browser = server.browser();
    const a = await look(browser, library);
    await log(browser, "bob");
    await look(browser, library);
    await log(browser, "bill");
    expect(await look(browser, library)).toBe("bill");
    const b = browser.anonymous;
    expect([a === b, browser.claim]).toEqual([false, claimOf(b, "bill")]);
    await quiet(server);
    expect(aliases()).toEqual([`${a} = bob`, `${b} = bill`]);
    expect(people(receiver.commands as readonly Command[])).toEqual(sorted([a as string, "bob"], [b, "bill"]));
  });

  it.each(["null", "undefined"])("bob's session expires, the option says %s, then bill logs in", async (nobody) => {
    const headers = { "x-nobody": nobody };
    const browser = server.browser();
    const a = await look(browser, library);
    await log(browser, "bob");
    expect(await look(browser, library)).toBe("bob");
    expect(browser.value(library.cookie)).toBeDefined();
    browser.put(library.cookie, await library.expired("bob"));
    const views = [await look(browser, library, headers), await look(browser, library, headers)];
    const [view] = views;
    expect(views).toEqual([view, view]);
    if (nobody === "undefined") expect([view, browser.claim]).toEqual([a, claimOf(a as string, "bob")]);
    else expect([view, browser.claim]).toEqual([browser.anonymous, "-"]);
    await log(browser, "bill", headers);
    expect(await look(browser, library, headers)).toBe("bill");
    const b = browser.anonymous;
    expect([b === a, b === view, browser.claim]).toEqual([false, nobody === "null", claimOf(b, "bill")]);
    await quiet(server);
    expect(aliases()).toEqual([`${a} = bob`, `${b} = bill`]);
    expect(people(receiver.commands as readonly Command[])).toEqual(sorted([a as string, "bob"], [b, "bill"]));
  });
});

describe("how often the identity option is asked", () => {
  it("iron-session: once a request, whichever layers it goes through, and once more where a cookie was set", async () => {
    const browser = server.browser();
    await browser.page("/iron");
    expect(await asked()).toBe(1);
    const { text } = await browser.page("/iron");
    expect(await asked()).toBe(1);
    await browser.call("/api/iron/act", {}, "POST");
    expect(await asked()).toBe(1);
    for (const route of ["log", "raw"]) {
      await browser.call(`/api/iron/${route}?name=bob`, {}, "POST");
      expect(await asked()).toBe(2);
    }
    await browser.page("/iron");
    expect(await asked()).toBe(1);
    for (const make of [actionForm, actionCall]) {
      const { kind, ...request } = make(text, "act", server.url);
      const answer = browser.take(await browser.ask("/iron", request, kind));
      expect([answer.status, await asked()]).toEqual([200, 1]);
    }
  });

  it("Auth.js: its own proxy sets a cookie with every answer to somebody who is logged in", async () => {
    const browser = server.browser();
    await browser.page("/authjs");
    expect([browser.value("authjs.csrf-token") !== undefined, await asked()]).toEqual([true, 2]);
    await browser.page("/authjs");
    expect(await asked()).toBe(1);
    await ways[0]?.log(browser, "bob");
    expect(await asked()).toBe(2);
    await browser.page("/authjs");
    expect(await asked()).toBe(2);
    await browser.call("/api/authjs/act", {}, "POST");
    expect(await asked()).toBe(1);
  });
});

describe("Auth.js' proxy inside ours", () => {
  it("sends away who is not logged in: a first visit all the same, and its cookies and ours", async () => {
    const browser = server.browser();
    const answer = await browser.page("/authjs/private");
    expect([answer.status, answer.headers.location]).toEqual([302, "/authjs"]);
    expect(answer.cookies.map((line) => line.split("=")[0])).toEqual(expect.arrayContaining(["authjs.csrf-token", "km_ai", "km_claim"]));
    const a = browser.anonymous;
    expect(await look(browser, authjs)).toBe(a);
    await ways[0]?.log(browser, "bob");
    expect(seenIn((await browser.page("/authjs/private")).text)).toBe("bob");
    expect(await heard(server, receiver)).toEqual([`${a}: Viewed`, `${a}: Asked Auth.js`, `${a} = bob`, "bob: Viewed Private"]);
  });
});

describe("a bearer token", () => {
  const call = (headers: Ask["headers"] = {}) => ask(`${server.url}/api/bearer`, { method: "POST", headers });

  it("names who calls: no cookie, no anonymous past, each under their own name", async () => {
    const answers = [];
    for (const name of ["bob", "bill", "bob"]) answers.push(await call({ authorization: `Bearer token-of-${name}` }));
    expect(answers.map(({ status, text, cookies }) => [status, JSON.parse(text).identity, cookies])).toEqual(
      ["bob", "bill", "bob"].map((name) => [200, name, []]),
    );
    expect(await heard(server, receiver)).toEqual(["bob: Called", "bill: Called", "bob: Called"]);
    expect(await asked()).toBe(0);
  });

  it("that says nothing makes nobody", async () => {
    await asked();
    const answers = [await call(), await call({ authorization: "Bearer forged" })];
    expect(answers.map(({ status, cookies }) => [status, cookies])).toEqual([
      [401, []],
      [401, []],
    ]);
    expect(await asked()).toBe(2);
    expect(receiver.commands).toEqual([]);
  });
});

it("said nothing in all this", () => {
  expect(server.log()).not.toMatch(/kmkit|KM_/);
});
