import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import compression from "compression";
import type { Application, Request, Response } from "express";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type ExpressRequest, km } from "../src/index.ts";
import { type Browser, claimOf, type Express, open, type Shop, versions } from "./shop.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kmkit-static-"));
  writeFileSync(join(folder, "index.html"), `<!doctype html><p>${"hello ".repeat(500)}`);
  writeFileSync(join(folder, "logo.png"), "png");
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What the handler does with its visitor: says who it is if asked to, and records. */
const act = (req: Request | ExpressRequest) => {
  const user = req.headers["x-login"];
  if (typeof user === "string") req.km.identify(user);
  req.km.record("Did");
};

const shopOf = (express: Express, routes: (app: Application) => unknown): Promise<Shop> =>
  open(express, (app, rec) => {
    app.use(km({ client: rec.client, identity: () => undefined }));
    app.get("/free", (_req, res) => void res.send("free"));
    routes(app);
  });

async function free(shop: Shop): Promise<{ browser: Browser; a: string }> {
  const browser = shop.browser();
  await browser.page("/free");
  return { browser, a: browser.anonymous };
}

/** A client that leaves: sends a request on a bare socket, waits for `until` to be received (nothing: for the handler), and destroys the socket. */
async function leave(shop: Shop, browser: Browser, path: string, entered: Promise<unknown>, until?: string): Promise<string> {
  const socket = net.connect(Number(new URL(shop.url).port), "localhost");
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nX-Login: bob\r\nCookie: ${browser.cookie()}\r\n\r\n`);
  await entered;
  while (until !== undefined && !text.includes(until)) await once(socket, "data");
  socket.destroy();
  await shop.quiet();
  return text;
}

describe.each(versions)("answers on %s", (version, express) => {
  afterEach(() => void vi.useRealTimers());

  /** Answers to GET /, after the handler has done its part. */
  const get = (work: (req: Request, res: Response) => unknown) => (app: Application) =>
    app.get("/", (req, res) => {
      act(req);
      return work(req, res) as undefined;
    });
  const all = (app: Application) => app.use((req, _res, next) => void [act(req), next()]);
  const fail = () => {
    throw new Error("on purpose");
  };
  const kinds: [string, number, (app: Application) => unknown][] = [
    ["send", 200, get((_req, res) => res.send("done"))],
    ["json", 200, get((_req, res) => res.json({ done: true }))],
    ["a redirection", 302, get((_req, res) => res.redirect("/free"))],
    ["204", 204, get((_req, res) => res.sendStatus(204))],
    ["raw end", 200, get((_req, res) => res.end())],
    ["raw writeHead and end", 418, get((_req, res) => res.writeHead(418, { "X-Other": "1" }).end("tea"))],
    ["a handler that throws", 500, get(fail)],
    ["no handler at all", 404, all],
    ["flushHeaders", 200, get((_req, res) => [res.flushHeaders(), res.end("done")])],
    ["sendFile", 200, get((_req, res) => res.sendFile(join(folder, "index.html")))],
    ["express.static", 200, (app) => all(app).use(express.static(folder))],
    ["compression behind", 200, (app) => get((_req, res) => res.send("x".repeat(9000)))(app.use(compression()))],
    [
      "a handler that fails later",
      500,
      (app) =>
        app.get("/", async (req, _res, next) => {
          act(req);
          await Promise.resolve();
          // Only Express 5 looks at the promise.
          if (version === "Express 5") fail();
          next(new Error("on purpose"));
        }),
    ],
    [
      "a stream",
      200,
      (app) =>
        app.get("/", async (req, res) => {
          act(req);
          for (const part of ["one", "two", "three"]) {
            if (!res.write(part.repeat(20_000))) await once(res, "drain");
          }
          res.end();
        }),
    ],
  ];

  describe.each(kinds)("%s", (_name, status, routes) => {
    it("carries the first visitor's cookie, and the command stands under it", async () => {
      const shop = await shopOf(express, routes);
      const browser = shop.browser();
      const answer = await browser.page("/");
      expect(answer.status).toBe(status);
      expect(answer.ours).toHaveLength(2);
      expect(await shop.heard()).toEqual([`${browser.anonymous}: Did`]);
      expect(shop.codes).toEqual([]);
    });

    it("carries a log in: claimed cookie, one alias, the command bob's", async () => {
      const shop = await shopOf(express, routes);
      const { browser, a } = await free(shop);
      const answer = await browser.call("/", { "x-login": "bob" });
      expect(answer.status).toBe(status);
      expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
      expect(await shop.heard()).toEqual([`${a} = bob`, "bob: Did"]);
      expect(shop.codes).toEqual([]);
    });

    it("HEAD carries it as well", async () => {
      const shop = await shopOf(express, routes);
      const { browser, a } = await free(shop);
      const answer = await browser.call("/", { "x-login": "bob" }, "HEAD");
      expect([answer.status, answer.text]).toEqual([status, ""]);
      expect(browser.claim).toBe(claimOf(a, "bob"));
      expect(await shop.aliases()).toEqual([`${a} = bob`]);
    });
  });

  it.each([
    ["send", get((_req, res) => res.send("done"))],
    ["express.static", (app: Application) => all(app).use(express.static(folder))],
  ])("a 304 of %s carries cookie and alias", async (_name, routes) => {
    const shop = await shopOf(express, routes);
    const { browser, a } = await free(shop);
    const etag = (await browser.page("/")).headers.etag as string;
    const answer = await browser.page("/", { "if-none-match": etag, "x-login": "bob" });
    expect([answer.status, answer.ours.length]).toEqual([304, 2]);
    expect(answer.headers["cache-control"]).toContain("private");
    expect(await shop.heard()).toEqual([`${a}: Did`, `${a} = bob`, "bob: Did"]);
  });

  it("compression in front: gzip, our cookies, and Vary untouched", async () => {
    const shop = await open(express, (app, rec) => {
      app.use(compression());
      app.use(km(rec.client));
      get((_req, res) => res.type("html").send("x".repeat(9000)))(app);
    });
    const answer = await shop.browser().page("/", { "accept-encoding": "gzip" });
    expect([answer.headers["content-encoding"], answer.headers.vary, answer.ours.length]).toEqual(["gzip", "Accept-Encoding", 2]);
  });

  it("express.static: the page gets a cookie, its image none and keeps its caching", async () => {
    const shop = await shopOf(express, (app) => app.use(express.static(folder, { maxAge: 0 })));
    const browser = shop.browser();
    const answer = await browser.page("/");
    expect(answer.ours).toHaveLength(2);
    expect(answer.headers["cache-control"]).toBe("private, max-age=0");
    for (const visitor of [browser, shop.browser()]) {
      const image = await visitor.image("/logo.png");
      expect([image.cookies, image.headers["cache-control"]]).toEqual([[], "public, max-age=0"]);
    }
    expect((await browser.page("/")).headers["cache-control"]).toBe("public, max-age=0");
  });

  describe("a client that leaves", () => {
    it("before the headers: no alias, nothing thrown, and the next log in is whole", async () => {
      let enter = () => {};
      const entered = new Promise<void>((resolve) => {
        enter = resolve;
      });
      let gone: Promise<unknown> = Promise.resolve();
      const shop = await shopOf(express, (app) =>
        app.get("/", async (req, res) => {
          act(req);
          if (gone instanceof Promise) gone = once(res, "close");
          enter();
          if (req.headers["x-again"] === undefined) await gone;
          res.send("to nobody");
        }),
      );
      const { browser, a } = await free(shop);
      expect(await leave(shop, browser, "/", entered)).toBe("");
      expect(await shop.heard()).toEqual(["bob: Did"]);
      await browser.page("/", { "x-login": "bob", "x-again": "1" });
      expect(await shop.heard()).toEqual(["bob: Did", `${a} = bob`, "bob: Did"]);
      expect(shop.codes).toEqual([]);
    });

    it("after the headers: no alias with that answer; it follows once, when the browser brings the claim back", async () => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1, 12) });
      const shop = await shopOf(express, (app) =>
        app.get("/", (req, res: Response) => {
          act(req);
          if (req.headers["x-again"] === undefined) res.write("part");
          else res.end("whole");
        }),
      );
      const { browser, a } = await free(shop);
      const text = await leave(shop, browser, "/", Promise.resolve(), "part");
      expect(await shop.heard()).toEqual(["bob: Did"]);
      // The headers did arrive, so the browser holds the claim.
      const cookies = [...text.matchAll(/^set-cookie: (.*)\r$/gim)].map((line) => line[1] as string);
      browser.take({ status: 200, headers: {}, cookies, ours: cookies, text: "" });
      expect(browser.claim).toBe(claimOf(a, "bob"));
      await browser.page("/", { "x-login": "bob", "x-again": "1" });
      await browser.page("/", { "x-login": "bob", "x-again": "1" });
      expect(await shop.aliases()).toEqual([`${a} = bob`]);
    });

    it("an answer that the app destroys sends no alias", async () => {
      const shop = await shopOf(express, (app) =>
        app.get("/", (req, res) => {
          act(req);
          res.write("part", () => res.destroy());
        }),
      );
      const { browser } = await free(shop);
      await expect(browser.page("/", { "x-login": "bob" })).rejects.toThrow();
      expect(await shop.heard()).toEqual(["bob: Did"]);
    });
  });

  describe("after the answer has ended", () => {
    const late = (work: (req: Request) => void) =>
      open(express, (app, rec) => {
        app.use(km({ client: rec.client, identity: (req) => req.headers["x-user"] as string | undefined }));
        app.get("/", (req, res) => {
          res.once("close", () => setImmediate(() => work(req)));
          res.send("done");
        });
      });

    it("a command stands under the identity that the answer carried", async () => {
      const shop = await late((req) => {
        req.km.record("Later");
        req.km.set({ Plan: "Pro" });
      });
      const browser = shop.browser();
      await browser.page("/");
      const a = browser.anonymous;
      await vi.waitFor(async () => expect(await shop.heard()).toEqual([`${a}: Later`, `${a} {"Plan":"Pro"}`]));
      expect(shop.codes).toEqual([]);
    });

    it("a cookieless anonymous visitor's command is kept and reported", async () => {
      const shop = await late((req) => req.km.record("Later"));
      await shop.browser().call("/");
      await vi.waitFor(() => expect(shop.rec.commands).toHaveLength(1));
      expect(shop.codes).toContain("KM_COOKIE_TOO_LATE");
    });

    it("a log in without a cookie ties nothing; its commands are bob's", async () => {
      const shop = await late((req) => {
        req.km.identify("bob");
        req.km.record("Later");
      });
      const browser = shop.browser();
      await browser.page("/");
      await vi.waitFor(async () => expect(await shop.heard()).toEqual(["bob: Later"]));
    });

    it("an alias that was asked for is refused with a code, and counted", async () => {
      const shop = await late((req) => req.km.alias("bob"));
      await shop.browser().page("/");
      await vi.waitFor(() => expect(shop.codes).toEqual(["KM_COOKIE_TOO_LATE"]));
      expect(shop.rec.client.stats().refused).toEqual({ KM_COOKIE_TOO_LATE: 1 });
      expect(await shop.heard()).toEqual([]);
    });
  });
});
