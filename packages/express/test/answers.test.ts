import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import compression from "compression";
import type { Application, Request, Response } from "express";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ExpressRequest, km } from "../src/index.ts";
import { claimOf, type Express, open, type Shop, versions } from "./shop.ts";

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

/** What the suite of all adapters cannot know: the ways of Express alone. */
describe.each(versions)("answers on %s", (_, express) => {
  /** Answers to GET /, after the handler has done its part. */
  const get = (work: (req: Request, res: Response) => unknown) => (app: Application) =>
    app.get("/", (req, res) => {
      act(req);
      return work(req, res) as undefined;
    });
  const all = (app: Application) => app.use((req, _res, next) => void [act(req), next()]);
  const kinds: [string, number, (app: Application) => unknown][] = [
    ["json", 200, get((_req, res) => res.json({ done: true }))],
    ["sendStatus", 204, get((_req, res) => res.sendStatus(204))],
    ["clearCookie", 200, get((_req, res) => res.clearCookie("a").send("gone"))],
    ["no handler at all behind a recording one", 404, all],
    ["sendFile", 200, get((_req, res) => res.sendFile(join(folder, "index.html")))],
    ["express.static", 200, (app) => all(app).use(express.static(folder))],
    ["compression behind", 200, (app) => get((_req, res) => res.send("x".repeat(9000)))(app.use(compression()))],
    ["next(error)", 500, (app) => app.get("/", (req, _res, next) => void [act(req), next(new Error("on purpose"))])],
    [
      "next('route')",
      200,
      (app) => app.get("/", (req, _res, next) => void [act(req), next("route")]).get("/", (_q, res) => void res.send()),
    ],
  ];

  describe.each(kinds)("%s", (_name, status, routes) => {
    it("carries the first visitor's cookie, and a log in with its alias, by HEAD as well", async () => {
      const shop = await shopOf(express, routes);
      for (const method of ["GET", "HEAD"]) {
        const { browser, a } = await shop.visitor("/");
        const answer = await browser.call("/", { "x-login": "bob" }, method);
        expect([answer.status, browser.anonymous, browser.claim]).toEqual([status, a, claimOf(a, "bob")]);
        expect([await shop.heard(), shop.codes]).toEqual([[`${a} = bob`, "bob: Did"], []]);
      }
    });
  });

  it.each([
    ["send", get((_req, res) => res.send("done"))],
    ["express.static", (app: Application) => all(app).use(express.static(folder))],
  ])("a 304 of %s carries cookie and alias", async (_name, routes) => {
    const shop = await shopOf(express, routes);
    const { browser, a } = await shop.visitor("/free");
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

  it("express.static with a lifetime carries no cookie; the next page does", async () => {
    const shop = await shopOf(express, (app) => app.use(express.static(folder, { maxAge: "1h" })));
    const browser = shop.browser();
    const first = await browser.page("/");
    expect([first.status, first.headers["cache-control"], first.ours]).toEqual([200, "public, max-age=3600", []]);
    expect((await browser.page("/free")).ours).toHaveLength(2);
  });

  it("an answer that the app destroys sends no alias", async () => {
    const shop = await shopOf(
      express,
      get((_req, res) => res.write("part", () => res.destroy())),
    );
    const { browser } = await shop.visitor("/free");
    await expect(browser.page("/", { "x-login": "bob" })).rejects.toThrow();
    expect(await shop.heard()).toEqual(["bob: Did"]);
  });
});
