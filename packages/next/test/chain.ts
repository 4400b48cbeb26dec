import { ask, type Browser, claimOf, kinds, people, type ReceivedCommand, SharedCache, told } from "@kmkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { quiet } from "./launch.ts";
import { type Built, builds, identities, navigate, type Served, seen, serve } from "./served.ts";

type Commands = Parameters<typeof told>[0];
/** The aliases of these anonymous identities: where middleware runs on Edge some are sent again when a claim comes back, or late. */
const aliasesOf = (commands: readonly ReceivedCommand[], ...anonymous: string[]) => {
  const lines = told(commands.filter((one) => one.type === "alias") as unknown as Commands);
  return [...new Set(lines.filter((line) => anonymous.some((a) => line.startsWith(a))))];
};
const records = (lines: readonly string[]) => lines.filter((line) => !line.includes(" = "));
const peopleOf = (commands: readonly ReceivedCommand[]) => people(commands as unknown as Commands);
/** Names and values of the cookies that an answer sets, without ours. */
const foreign = (cookies: readonly string[]) =>
  cookies
    .filter((line) => !line.startsWith("km_"))
    .map((line) => line.split(";")[0])
    .sort();
const shared = /^(public, )?s-maxage=\d+/;

/** What one visitor is, from the proxy to the last command, against `next start` on what was built. */
export const chain = (built: Built): void => {
  let served: Served;
  let first: { browser: Browser; page: Awaited<ReturnType<Browser["page"]>>; commands: string[] };
  beforeAll(async () => {
    served = await serve(built);
    const browser = served.browser();
    first = { browser, page: await browser.page("/"), commands: await served.heard() };
  });
  afterAll(() => served.stop());
  beforeEach(async () => {
    await quiet(served);
    served.receiver.clear();
  });

  /** Until every command of the request before is known: where middleware runs on Edge its own client sends when it likes. */
  const tied = (expected: readonly string[]) =>
    vi.waitFor(async () => {
      await quiet(served);
      expect(aliasesOf(served.receiver.commands, ...expected.map((line) => line.split(" ")[0] as string))).toEqual(expected);
    });
  /** Where middleware runs on Edge an alias waits for the browser to bring the claim back. */
  const bringBack = async (browser: Browser) => {
    if (built.edge === true) await browser.page("/static");
  };

  describe("a first visit", () => {
    it("that is a server's very first request has one visitor, and its components' command counts once", () => {
      const a = first.browser.anonymous;
      expect(first.page.ours).toHaveLength(2);
      expect(seen(first.page)).toBe(`${a} ${a}`);
      expect(first.commands).toEqual([`${a}: Viewed Home`]);
    });

    it("is one visitor for proxy, page, its cookies(), a handler, a script's call, an action and the next page", async () => {
      await served.visitor();
      const browser = served.browser();
      const page = await browser.page("/?proxy=record");
      const a = browser.anonymous;
      expect([page.ours.length, page.headers["cache-control"]]).toEqual([2, "private, no-store"]);
      expect(seen(page)).toBe(`${a} ${a}`);
      const later = [
        await browser.call("/api/record", {}, "POST"),
        await browser.call("/api/record"),
        await browser.call("/"),
        await served.act(browser, "call"),
        await served.act(browser, "form"),
        await browser.page("/product"),
        await browser.page("/old"),
        await browser.call("/api/old", {}, "POST"),
      ];
      expect(later.flatMap((answer) => answer.ours)).toEqual([]);
      expect(JSON.parse(later[0]?.text ?? "")).toEqual({ identity: a, cookie: a });
      expect(new Set((await served.heard()).map((line) => line.split(":")[0]))).toEqual(new Set([a]));
      expect(served.receiver.commands.map((one) => one.name).sort()).toEqual(
        ["Passed Proxy", "Viewed Home", "Posted", "Got", "Viewed Home", "Acted", "Acted", "Viewed Act", "Viewed Product"]
          .concat(["Viewed Old", "Called Old"])
          .sort(),
      );
    });

    it("of a page and its twenty cookieless sub-requests is one person", async () => {
      const url = (path: string) => served.url + path;
      const answers = await Promise.all([
        ask(url("/"), { headers: kinds.page }),
        ...Array.from({ length: 10 }, (_, index) => ask(url(`/${index}.png`), { headers: kinds.image })),
        ...Array.from({ length: 5 }, () => ask(url("/static"), { headers: kinds.call })),
        ...Array.from({ length: 5 }, () =>
          ask(url("/product?_rsc"), { headers: { ...kinds.call, rsc: "1", "next-router-prefetch": "1" } }),
        ),
      ]);
      expect(answers.map((answer) => answer.ours.length)).toEqual([2, ...Array(20).fill(0)]);
      expect(await served.heard()).toHaveLength(1);
    });

    // Bundlers make no difference here: two hundred of them on each kind of proxy.
    const many = built === builds[0] || built.edge === true ? 200 : 50;
    it(`${many} of them at once: each gets one identity, and none another's`, async () => {
      const visitors = await Promise.all(
        Array.from({ length: many }, async () => {
          const browser = served.browser();
          const page = await browser.page("/");
          const posted = await browser.call("/api/record", {}, "POST");
          expect([page.ours.length, posted.ours.length]).toEqual([2, 0]);
          return { a: browser.anonymous, seen: [seen(page), (JSON.parse(posted.text) as { identity: string }).identity] };
        }),
      );
      for (const { a, seen } of visitors) expect(seen).toEqual([`${a} ${a}`, a]);
      expect(new Set(visitors.map(({ a }) => a)).size).toBe(many);
      const lines = new Set(await served.heard());
      expect(lines).toEqual(new Set(visitors.flatMap(({ a }) => [`${a}: Viewed Home`, `${a}: Posted`])));
      expect(served.receiver.commands).toHaveLength(2 * many);
    });
  });

  describe("a static page", () => {
    it("that is made again in the midst of a visitor's request has no visitor in it", async () => {
      const { browser } = await served.visitor();
      const at = async () => /id="at">(\d+)/.exec((await browser.page("/isr")).text)?.[1];
      const before = await at();
      await vi.waitFor(async () => expect(await at()).not.toBe(before), { timeout: 5000, interval: 100 });
      expect((await served.browser().page("/isr")).text.match(identities)).toBeNull();
    });

    const paths = [
      ["a static page", "/static"],
      ["one that is made again now and then", "/isr"],
      ["one of generateStaticParams", "/item/1"],
      ["one made on demand", "/item/new"],
      ["a force-static one, made on demand, that awaits km()", "/forced/new"],
      ["one that is not found", "/gone"],
      ["one that redirects", "/left"],
      ["one behind a rewrite of next.config", "/rewritten-static"],
      ["one behind a rewrite of the proxy", "/api/still?proxy=rewrite-static"],
      ["one that has a draft", "/draft"],
    ] as const;

    it.each(paths)(
      "%s: the first visit gets the cookie and is nobody else's, the second is shareable; no identity stands in it",
      async (_, path) => {
        const browser = served.browser();
        const first = await browser.page(path);
        expect([first.ours.length, first.headers["cache-control"]]).toEqual([2, "private, no-store"]);
        const second = await browser.page(path);
        expect(second.cookies).toEqual([]);
        expect(second.headers["cache-control"]).toMatch(shared);
        const other = await served.browser().page(path);
        expect(other.ours).toHaveLength(2);
        for (const { text } of [first, second, other]) expect(text.match(identities)).toBeNull();
        expect(await served.heard()).toEqual([]);
      },
    );

    it("that awaits km() although it is for everybody: nobody is there, and it is told in the counts", async () => {
      const { browser } = await served.visitor();
      const before = (await quiet(served)).leftOut.rendering ?? 0;
      const [forced, api] = [await browser.page("/forced/told"), await browser.page("/api/forced/told")];
      expect([seen(forced), JSON.parse(api.text)]).toEqual(["", { identity: "" }]);
      expect([forced.cookies, api.cookies]).toEqual([[], []]);
      expect(await served.heard()).toEqual([]);
      expect((await quiet(served)).leftOut.rendering).toBe(before + 1);
    });

    it("in draft mode is the editor's own: it may know them, and nobody else ever sees that", async () => {
      const https = { "x-forwarded-proto": "https" };
      const { browser: editor, a } = await served.visitor(https);
      expect((await editor.page("/draft")).text).toContain("published");
      editor.take(await editor.ask("/api/draft", { method: "POST" }, "call"));
      for (const path of ["/static", "/isr", "/item/2"]) {
        const draft = await editor.page(path);
        expect(draft.headers["cache-control"]).toMatch(/private.*no-store/);
        expect([draft.ours, draft.text.match(identities)]).toEqual([[], null]);
      }
      const draft = await editor.page("/draft");
      expect(draft.headers["cache-control"]).toMatch(/private.*no-store/);
      expect(draft.text.replaceAll("<!-- -->", "")).toContain(`draft for ${a}`);
      expect(await served.heard()).toEqual([`${a}: Looked At Draft`]);
      const other = await served.browser().page("/draft");
      expect([other.text.includes("published"), other.text.match(identities)]).toEqual([true, null]);
    });

    it("of fifty visitors behind a shared cache: nobody gets another's cookie or identity", async () => {
      const cache = new SharedCache();
      const browsers = Array.from({ length: 50 }, () => served.browser());
      let hits = 0;
      for (const path of ["/static", "/item/1", "/forced/1", "/", "/rewritten-static", "/isr", "/static"]) {
        const visit = async (browser: Browser) => {
          const { hit, text } = await cache.page(browser, path);
          if (hit) hits += 1;
          expect((text.match(identities) ?? []).filter((one) => one !== browser.anonymous)).toEqual([]);
        };
        await visit(browsers[0] as Browser);
        await Promise.all(browsers.slice(1).map(visit));
        expect(cache.cookies).toEqual([]);
      }
      expect(hits).toBeGreaterThan(4 * 40);
      expect(new Set(browsers.map((browser) => browser.anonymous)).size).toBe(50);
      expect(new Set(await served.heard())).toEqual(new Set(browsers.map((browser) => `${browser.anonymous}: Viewed Home`)));
    });
  });

  describe("what is no page load", () => {
    const ahead: Record<string, string>[] = [
      { rsc: "1", "next-router-prefetch": "1" },
      { rsc: "1", "next-router-prefetch": "1", "next-router-segment-prefetch": "/_tree" },
      { rsc: "1", "next-router-prefetch": "2" },
      { rsc: "1", "sec-purpose": "prefetch" },
      { rsc: "1", purpose: "prefetch" },
    ];

    it.each(ahead)("a prefetch of Next's client (%o) mints nothing and records nothing", async (headers) => {
      const { browser } = await served.visitor();
      const before = (await quiet(served)).leftOut.prefetch ?? 0;
      for (const path of ["/", "/nav", "/static", "/meta"]) {
        for (const visitor of [browser, served.browser()]) {
          const answer = await navigate(visitor, path, headers);
          expect([path, answer.status, answer.ours]).toEqual([path, expect.toSatisfy((status) => status === 200 || status === 204), []]);
        }
      }
      expect(await served.heard()).toEqual([]);
      // Of the others Next renders no more than the frame.
      if (headers["next-router-prefetch"] === undefined) expect((await quiet(served)).leftOut.prefetch).toBeGreaterThan(before);
    });

    it.each(["sec-purpose", "purpose"])(
      "a browser's own prefetch of a document (%s) mints nothing and records nothing; the visit after it does",
      async (name) => {
        const browser = served.browser();
        for (const path of ["/", "/nav", "/static"]) expect((await browser.page(path, { [name]: "prefetch" })).cookies).toEqual([]);
        expect(await served.heard()).toEqual([]);
        for (const path of ["/", "/nav", "/static"]) await browser.page(path);
        expect(await served.heard()).toEqual(["Viewed Home", "Viewed Nav"].map((viewed) => `${browser.anonymous}: ${viewed}`));
      },
    );

    it("a client-side navigation mints nothing, and what components record is left out and counted", async () => {
      const { browser } = await served.visitor();
      const before = (await quiet(served)).leftOut.rendering ?? 0;
      for (const visitor of [browser, served.browser()]) {
        for (const path of ["/", "/product", "/static"]) {
          const answer = await navigate(visitor, path);
          expect([answer.status, answer.ours]).toEqual([200, []]);
        }
      }
      expect(await served.heard()).toEqual([]);
      expect((await quiet(served)).leftOut.rendering).toBe(before + 4);
    });

    it("with the option `navigation` a client-side navigation counts once, and a prefetch does not", async () => {
      const { browser, a } = await served.visitor();
      expect((await navigate(browser, "/nav")).ours).toEqual([]);
      await navigate(browser, "/nav", { "next-router-prefetch": "1" });
      expect(await served.heard()).toEqual([`${a}: Viewed Nav`]);
      expect((await navigate(served.browser(), "/nav")).ours).toEqual([]);
    });

    it("the Pages Router's navigations count, as its API routes do, and its prefetches do not", async () => {
      const { browser, a } = await served.visitor();
      const data = { "x-nextjs-data": "1" };
      for (const ahead of [{ purpose: "prefetch" }, { "x-middleware-prefetch": "1" }]) {
        const answer = await browser.call("/_next/data/build/old.json", { ...data, ...ahead });
        expect([answer.status, answer.cookies]).toEqual([200, []]);
      }
      expect(await served.heard()).toEqual([]);
      const answer = await browser.call("/_next/data/build/old.json", data);
      expect(JSON.parse(answer.text)).toMatchObject({ pageProps: { identity: a } });
      expect(await served.heard()).toEqual([`${a}: Viewed Old`]);
    });

    it("components rendered side by side wait for the `identity` option alike", async () => {
      const { browser } = await served.visitor();
      browser.put("user", "bob");
      const answer = await navigate(browser, "/pair");
      expect(answer.text.match(identities)).toBeNull();
      expect(await served.heard()).toEqual(["bob: Viewed Side", "bob: Viewed Side"]);
    });
  });

  it("the same command of generateMetadata and page counts once, different ones each", async () => {
    const browser = served.browser();
    const page = await browser.page("/meta");
    const a = browser.anonymous;
    expect([seen(page), page.text.includes(`<title>${a}</title>`)]).toEqual([a, true]);
    expect((await served.heard()).sort()).toEqual([`${a}: Described`, `${a}: Viewed Meta`, `${a}: Viewed Meta`]);
    expect(new Set(served.receiver.commands.map((one) => JSON.stringify([one.name, one.properties]))).size).toBe(3);
  });

  describe("a client that leaves", () => {
    it("in mid-page: what was recorded is kept, also what comes after", async () => {
      const browser = served.browser();
      browser.take(await browser.ask("/slow?gate=left", { leave: true }));
      const a = browser.anonymous;
      await vi.waitFor(async () => expect(await served.heard()).toEqual([`${a}: Viewed Slow`]));
      await served.gate("open", "left");
      await vi.waitFor(async () => expect(await served.heard()).toEqual([`${a}: Viewed Slow`, `${a}: Viewed Rest`]));
      expect((await browser.page("/product")).ours).toEqual([]);
    });

    it("in mid-page, with a name: no alias with that answer; it follows once", async () => {
      const { browser, a } = await served.visitor();
      browser.put("user", "bob");
      browser.take(await browser.ask("/slow?gate=named", { leave: true }));
      expect(await served.heard()).toEqual(["bob: Viewed Slow"]);
      expect(browser.claim).toBe(claimOf(a, "bob"));
      await browser.page("/product");
      await tied([`${a} = bob`]);
      await browser.page("/product");
      const aliases = (await served.heard()).filter((line) => line === `${a} = bob`);
      expect(built.edge === true ? new Set(aliases).size : aliases.length).toBe(1);
    });

    it("in mid-handler: what was recorded is kept, before and after; no alias, it follows", async () => {
      const { browser, a } = await served.visitor();
      browser.put("user", "bob");
      const controller = new AbortController();
      const headers = { ...kinds.call, cookie: browser.cookie() };
      const asked = fetch(`${served.url}/api/slow?gate=mid`, { method: "POST", headers, signal: controller.signal });
      await served.gate("wait", "mid entered");
      controller.abort();
      await expect(asked).rejects.toThrow("aborted");
      await vi.waitFor(async () => expect(await served.heard()).toEqual(["bob: Began"]));
      await served.gate("open", "mid");
      await vi.waitFor(async () => expect(await served.heard()).toEqual(["bob: Began", "bob: Ended"]));
      await browser.page("/product");
      await bringBack(browser);
      await tied([`${a} = bob`]);
    });

    it("in mid-handler, by identify(): bob's commands are kept, and nobody is tied", async () => {
      const { browser, a } = await served.visitor();
      const controller = new AbortController();
      const headers = { ...kinds.call, cookie: browser.cookie() };
      const asked = fetch(`${served.url}/api/slow?gate=told&user=bob`, { method: "POST", headers, signal: controller.signal });
      await served.gate("wait", "told entered");
      controller.abort();
      await expect(asked).rejects.toThrow("aborted");
      await served.gate("open", "told");
      await vi.waitFor(async () => expect(records(await served.heard())).toEqual(["bob: Began", "bob: Ended"]));
      await browser.page("/product");
      expect(await served.heard()).toContain(`${a}: Viewed Product`);
      expect(aliasesOf(served.receiver.commands, a)).toEqual([]);
    });
  });

  describe("a server action", () => {
    it.each(["form", "call"] as const)("by %s logs in: one person, the app's cookies beside ours", async (how) => {
      const { browser, a } = await served.visitor();
      const answer = await served.act(browser, how, { user: "bob", set: "1" });
      expect(answer.status).toBe(200);
      expect(foreign(answer.cookies)).toEqual(["byAction=1", "user=bob"]);
      expect(browser.claim).toBe(claimOf(a, "bob"));
      await tied([`${a} = bob`]);
      const got = records(await served.heard());
      expect(got).toEqual([`${a}: Acted`, "bob: Logged In", ...(how === "form" ? ["bob: Viewed Act"] : [])]);
    });

    it("by form that redirects: the claim goes with the redirect, and the target counts once", async () => {
      const { browser, a } = await served.visitor();
      const answer = await served.act(browser, "form", { user: "bob", set: "1", to: "/product" });
      expect([answer.status, answer.headers.location]).toEqual([303, "/product"]);
      expect(foreign(answer.cookies)).toEqual(["byAction=1", "user=bob"]);
      expect(browser.claim).toBe(claimOf(a, "bob"));
      expect((await browser.page("/product")).ours).toEqual([]);
      await tied([`${a} = bob`]);
      expect(records(await served.heard())).toEqual([`${a}: Acted`, "bob: Logged In", "bob: Viewed Product"]);
    });

    it.each([
      ["/product", []],
      ["/nav", ["bob: Viewed Nav"]],
      ["/static", []],
      ["/away", []],
    ])("by a script that redirects to %s, which Next fetches from itself: no visitor more, no claim lost", async (to, counted) => {
      const { browser, a } = await served.visitor();
      const answer = await served.act(browser, "call", { user: "bob", set: "1", to });
      expect(String(answer.headers["x-action-redirect"]).split(";")[0]).toBe(to);
      expect(foreign(answer.cookies)).toEqual(["byAction=1", "user=bob"]);
      expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
      await tied([`${a} = bob`]);
      const got = records(await served.heard());
      expect(got.sort()).toEqual([`${a}: Acted`, "bob: Logged In", ...counted].sort());
      expect(peopleOf(served.receiver.commands)).toEqual([[a, "bob"].sort()]);
    });

    it("that Next hands on to itself, since another page's code has it, counts once and loses no claim", async () => {
      const { browser, a } = await served.visitor();
      const answer = await served.act(browser, "call", { user: "bob", set: "1" }, "/product");
      expect(answer.status).toBe(200);
      expect(await served.heard()).toEqual([`${a}: Acted`, "bob: Logged In"]);
      // Next drops the cookies of such an action, the app's and ours: to the browser nobody has logged in.
      expect([answer.cookies, browser.claim]).toEqual([[], "-"]);
      await served.act(browser, "form", { user: "bill" });
      await bringBack(browser);
      await tied([`${a} = bill`]);
    });

    it("that refreshes its page: what components record then is left out", async () => {
      const { browser, a } = await served.visitor();
      await served.act(browser, "call", { refresh: "1" });
      expect(await served.heard()).toEqual([`${a}: Acted`]);
    });

    it.each(["throw", "missing"])("that ends by %s keeps its command and its cookies", async (how) => {
      for (const by of ["form", "call"] as const) {
        const { browser, a } = await served.visitor();
        const answer = await served.act(browser, by, { [how]: "1", set: "1", user: "bob" });
        expect(answer.status).toBe(how === "throw" ? 500 : 404);
        const got = records(await served.heard());
        expect(got.slice(0, 2)).toEqual([`${a}: Acted`, "bob: Logged In"]);
        // What Next does with the app's own cookie, ours must do as well: the two say the same of who is logged in.
        if (foreign(answer.cookies).includes("user=bob")) expect(browser.claim).toBe(claimOf(a, "bob"));
        expect(await served.heard()).not.toContain(`${a}: Viewed Act`);
      }
    });

    it.each(["form", "call"] as const)("by %s: log in, log out, another person: two people for ever", async (how) => {
      const { browser, a } = await served.visitor();
      await served.act(browser, how, { user: "bob" });
      await browser.page("/product");
      await served.act(browser, how, { user: "" });
      await browser.page("/product");
      const b = browser.anonymous;
      await served.act(browser, how, { user: "bill" });
      await browser.page("/product");
      await browser.page("/product");
      await tied([`${a} = bob`, `${b} = bill`]);
      expect(peopleOf(served.receiver.commands)).toEqual([[a, "bob"].sort(), [b, "bill"].sort()]);
    });

    it("or a handler: log in and log out by the app's cookie alone, nothing said to us", async () => {
      const { browser, a } = await served.visitor();
      expect((await browser.call("/api/login?user=bob", {}, "POST")).ours).toHaveLength(2);
      expect(browser.claim).toBe(claimOf(a, "bob"));
      await browser.page("/product");
      await browser.call("/api/login", {}, "POST");
      await browser.page("/product");
      const b = browser.anonymous;
      await browser.call("/api/login?user=bill", {}, "POST");
      await browser.page("/product");
      await tied([`${a} = bob`, `${b} = bill`]);
      expect(peopleOf(served.receiver.commands)).toEqual([[a, "bob"].sort(), [b, "bill"].sort()]);
    });
  });

  describe("the app's own cookies survive beside ours", () => {
    it.each([
      ["a page", "/product", 200, "Viewed Product"],
      ["a static page", "/static", 200, undefined],
      ["a page that redirects", "/away", 307, "Went Away"],
      ["a page that is not found", "/missing", 404, "Viewed Missing"],
      ["a page that throws", "/broken", 500, "Viewed Broken"],
      ["getServerSideProps", "/old", 200, "Viewed Old"],
    ])("on %s", async (_, path, status, name) => {
      for (const [does, cookies] of [
        // Where a page redirects, Next forgets what follows the first of the proxy's cookies (tried without us).
        ["cookies", path === "/away" && built.edge !== true ? ["byNext=1"] : ["byNext=1", "raw=2"]],
        ["cookies-api", ["byApi=3"]],
      ] as const) {
        const browser = served.browser();
        const answer = await browser.page(`${path}?proxy=${does}`);
        expect([answer.status, answer.ours.length, foreign(answer.cookies)]).toEqual([status, 2, cookies]);
        expect(answer.headers["cache-control"]).toMatch(/no-store/);
        expect(await served.heard()).toEqual(name === undefined ? [] : [`${browser.anonymous}: ${name}`]);
        served.receiver.clear();
      }
    });

    it.each([
      ["answer", "", 200, ["byApi=3", "byNext=1", "raw=2"]],
      ["redirecting answer", "answer-redirect", 303, ["byApi=3", "byNext=1", "raw=2"]],
      ["redirect()", "redirect", 307, ["byApi=3"]],
      ["notFound()", "missing", 404, undefined],
      ["error", "throw", 500, undefined],
    ])("on a handler's %s", async (_, how, status, cookies) => {
      const browser = served.browser();
      const answer = browser.take(await browser.ask(`/api/end?how=${how}`, { method: "POST" }));
      expect([answer.status, answer.ours.length]).toEqual([status, 2]);
      // Where an error ends it, Next forgets cookies() (tried without us).
      expect(foreign(answer.cookies)).toEqual(cookies ?? []);
      expect(await served.heard()).toEqual([`${browser.anonymous}: Ended`]);
    });

    it.each([
      ["an answer", "props", 200],
      ["a redirect", "redirect", 307],
      ["notFound", "missing", 404],
      ["an error", "throw", 500],
    ])("on %s of getServerSideProps", async (_, how, status) => {
      const browser = served.browser();
      const answer = await browser.page(`/old?how=${how}`);
      expect([answer.status, answer.ours.length, foreign(answer.cookies)]).toEqual([status, 2, ["byProps=4", "raw=2"]]);
      expect(await served.heard()).toEqual([`${browser.anonymous}: Viewed Old`]);
    });

    it.each([
      ["an answer", "", 200],
      ["a redirect", "redirect", 303],
      ["an error", "throw", 500],
    ])("on %s of an API route of the Pages Router", async (_, how, status) => {
      const browser = served.browser();
      const answer = browser.take(await browser.ask(`/api/old?how=${how}`, { method: "POST" }));
      expect([answer.status, answer.ours.length, foreign(answer.cookies)]).toEqual([status, 2, ["raw=2"]]);
      expect(await served.heard()).toEqual([`${browser.anonymous}: Called Old`]);
    });
  });

  describe("around the app's own proxy", () => {
    it("that redirects: the cookies go with the redirect, and its target is the same visitor's", async () => {
      const browser = served.browser();
      const answer = await browser.page("/?proxy=redirect");
      expect([answer.status, answer.headers.location, answer.ours.length]).toEqual([307, expect.stringMatching(/\/product$/), 2]);
      expect(seen(await browser.page("/product"))).toBe(browser.anonymous);
      expect(await served.heard()).toEqual([`${browser.anonymous}: Viewed Product`]);
    });

    it("that rewrites", async () => {
      const browser = served.browser();
      const answer = await browser.page("/static?proxy=rewrite");
      expect([answer.ours.length, seen(answer)]).toEqual([2, browser.anonymous]);
      expect(await served.heard()).toEqual([`${browser.anonymous}: Viewed Product`]);
      const rewritten = served.browser();
      expect(seen(await rewritten.page("/rewritten"))).toBe(rewritten.anonymous);
    });

    it("that rewrites to another server, which is one more request of the same visitor", async () => {
      const browser = served.browser();
      const answer = await browser.page("/static?proxy=rewrite-away");
      expect([answer.ours.length, seen(answer)]).toEqual([2, browser.anonymous]);
      expect(await served.heard()).toEqual([`${browser.anonymous}: Viewed Product`]);
    });

    it("that overrides request headers", async () => {
      const browser = served.browser();
      const answer = await browser.page("/product?proxy=headers");
      expect([answer.ours.length, seen(answer)]).toEqual([2, `${browser.anonymous} by the proxy`]);
    });

    it("that answers itself", async () => {
      const browser = served.browser();
      const answer = await browser.page("/product?proxy=json");
      expect([answer.status, answer.ours.length, JSON.parse(answer.text)]).toEqual([403, 2, { refused: true }]);
      expect((await browser.page("/product?proxy=json")).cookies).toEqual([]);
      expect((await served.browser().call("/product?proxy=json")).cookies).toEqual([]);
      expect(await served.heard()).toEqual([]);
    });

    it("that logs somebody in", async () => {
      const { browser, a } = await served.visitor();
      const answer = await browser.page("/?proxy=login");
      expect([answer.status, foreign(answer.cookies), answer.ours.length]).toEqual([307, ["user=bob"], 2]);
      expect(browser.claim).toBe(claimOf(a, "bob"));
      await browser.page("/product");
      await bringBack(browser);
      await tied([`${a} = bob`]);
    });

    it("that throws", async () => {
      const browser = served.browser();
      expect((await browser.page("/product?proxy=throw")).status).toBe(500);
      expect(await served.heard()).toEqual([]);
    });
  });

  it("what is recorded in the app's own after() arrives", async () => {
    const { browser, a } = await served.visitor();
    await browser.call("/api/later", {}, "POST");
    await browser.page("/later");
    const all = ["Asked", "Later By km()", "Later In Handler", "Later In Page"].map((name) => `${a}: ${name}`);
    await vi.waitFor(async () => expect((await served.heard()).sort()).toEqual(all));
    served.receiver.clear();
    const fresh = served.browser();
    await fresh.page("/later");
    await vi.waitFor(async () => expect(await served.heard()).toEqual([`${fresh.anonymous}: Later In Page`]));
  });

  it("and the server has said nothing but Next's own words and the errors on purpose", async () => {
    expect((await quiet(served)).durable).toBe(true);
    expect(served.log()).toContain("on purpose");
    expect(served.said()).toBe("");
  });
};
