import cookieSession from "cookie-session";
import type { Request, Response } from "express";
import session from "express-session";
import passport from "passport";
import { describe, expect, it } from "vitest";
import { type ExpressRequest, type KmOptions, km } from "../src/index.ts";
import { claimOf, type Express, open, people, type Shop, sessions, versions } from "./shop.ts";

type Work = (req: Request, res: Response) => void;

const bag = (req: { session?: unknown }) => req.session as Record<string, unknown> & session.Session;

/** A shop with a session, where `login` and `logout` do what the test is about. */
function shopOf(express: Express, { login, logout, options = {}, first = "session", store }: Setup = {}): Promise<Shop> {
  return open(express, (app, rec) => {
    const middleware = [store ?? sessions(), km({ client: rec.client, ...options })];
    app.use(first === "session" ? middleware : middleware.reverse());
    app.get("/", (req, res) => {
      req.km.record("Viewed Home");
      res.send(req.km.identity);
    });
    app.post("/login", (req, res) => {
      if (login !== undefined) return login(req, res);
      req.km.identify(String(req.headers["x-login"]));
      req.km.record("Logged In");
      res.redirect("/");
    });
    app.post("/logout", (req, res) => {
      if (logout !== undefined) return logout(req, res);
      req.km.identify(null);
      res.redirect("/");
    });
  });
}
interface Setup {
  login?: Work;
  logout?: Work;
  options?: KmOptions<ExpressRequest>;
  first?: "session" | "km";
  store?: ReturnType<typeof session>;
}

const bob = { "x-login": "bob" };
const bill = { "x-login": "bill" };

describe.each(versions)("log in and out on %s", (_, express) => {
  describe("with cookie-session", () => {
    const make = () => cookieSession({ name: "s", secret: "cat" }) as ReturnType<typeof session>;

    it.each(["session", "km"] as const)("who logged in stays so, whichever is mounted first (%s)", async (first) => {
      const shop = await shopOf(express, { first, store: make() });
      const browser = shop.browser();
      await browser.page("/");
      const a = browser.anonymous;
      await browser.form("/login", {}, bob);
      expect((await browser.page("/")).text).toBe("bob");
      expect((await browser.call("/")).text).toBe("bob");
      expect(browser.anonymous).toBe(a);
      expect(await shop.heard()).toEqual([`${a}: Viewed Home`, `${a} = bob`, "bob: Logged In", "bob: Viewed Home", "bob: Viewed Home"]);
      expect(shop.codes).toEqual([]);
    });

    it.each(["session", "km"] as const)("a log out gives a fresh identity at once (%s first)", async (first) => {
      const shop = await shopOf(express, { first, store: make() });
      const browser = shop.browser();
      await browser.form("/login", {}, bob);
      const a = browser.anonymous;
      await browser.form("/logout");
      const b = browser.anonymous;
      expect(b).not.toBe(a);
      expect(browser.claim).toBe("-");
      expect((await browser.page("/")).text).toBe(b);
      await browser.form("/login", {}, bill);
      expect([browser.anonymous, browser.claim]).toEqual([b, claimOf(b, "bill")]);
      await shop.quiet();
      expect(people(shop.rec.commands)).toEqual([[a, "bob"].sort(), [b, "bill"].sort()]);
    });

    it("the app throws the session away and then says that nobody is logged in", async () => {
      const logout: Work = (req, res) => {
        (req as { session: unknown }).session = null;
        req.km.identify(null);
        res.redirect("/");
      };
      const shop = await shopOf(express, { logout, store: make() });
      const browser = shop.browser();
      await browser.form("/login", {}, bob);
      const a = browser.anonymous;
      await browser.form("/logout");
      const b = browser.anonymous;
      expect([b === a, browser.claim]).toEqual([false, "-"]);
      expect((await browser.page("/")).text).toBe(b);
      expect(shop.codes).toEqual([]);
    });
  });

  const say: Work = (req) => {
    req.km.identify("bob");
    req.km.record("Logged In");
  };
  it.each(["session", "km"] as const)("a log in that regenerates the session and saves it by itself (%s first)", async (first) => {
    const login: Work = (req, res) => {
      say(req, res);
      bag(req).regenerate(() => bag(req).save(() => res.redirect("/")));
    };
    const shop = await shopOf(express, { login, first });
    const { browser, a } = await shop.visitor("/");
    await browser.form("/login");
    expect((await browser.page("/")).text).toBe("bob");
    expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
    expect([await shop.heard(), shop.codes]).toEqual([[`${a} = bob`, "bob: Logged In", "bob: Viewed Home"], []]);
  });

  describe.each([
    ["the identity option", (req: ExpressRequest) => (req as { user?: { id: string } }).user?.id ?? null],
    ["identify() in the strategy", undefined],
  ])("passport 0.7, by %s", (_how, identity) => {
    it("log in, page, log out: bob, one alias, then a fresh visitor", async () => {
      const auth = new passport.Passport();
      auth.use({
        name: "form",
        authenticate(req) {
          const { headers, km: visitor } = req as Request;
          if (identity === undefined) visitor.identify("bob");
          this.success({ id: String(headers["x-login"]) });
        },
      });
      auth.serializeUser((user, done) => done(null, (user as { id: string }).id));
      auth.deserializeUser((id, done) => done(null, { id }));
      const shop = await open(express, (app, rec) => {
        app.use(km({ client: rec.client, ...(identity === undefined ? {} : { identity }) }));
        app.use(sessions(), auth.initialize(), auth.session());
        app.get("/", (req, res) => {
          req.km.record("Viewed Home");
          res.send(req.km.identity);
        });
        app.post("/login", auth.authenticate("form"), (req, res) => {
          req.km.record("Logged In");
          res.redirect("/");
        });
        app.post("/logout", (req, res) => {
          (req as unknown as { logout(done: () => void): void }).logout(() => {
            if (identity === undefined) req.km.identify(null);
            res.redirect("/");
          });
        });
      });
      const browser = shop.browser();
      await browser.page("/");
      const a = browser.anonymous;
      await browser.form("/login", {}, bob);
      expect((await browser.page("/")).text).toBe("bob");
      expect(browser.anonymous).toBe(a);
      await browser.form("/logout");
      const c = (await browser.page("/")).text;
      expect(c).toBe(browser.anonymous);
      expect(c).not.toBe(a);
      expect(await shop.aliases()).toEqual([`${a} = bob`]);
      expect(people(shop.rec.commands)).toEqual([[a, "bob"].sort(), [c]]);
      expect(shop.codes).toEqual([]);
    });
  });

  describe("O2: bob's session expires by itself, three views, then bill logs in on the same browser", () => {
    const expire = async (nobody: null | undefined) => {
      const store = new session.MemoryStore();
      const shop = await shopOf(express, {
        store: sessions({ store, saveUninitialized: true }),
        options: { identity: (req) => (bag(req).user as string | undefined) ?? nobody },
        login: (req, res) => {
          bag(req).user = req.headers["x-login"];
          res.redirect("/");
        },
      });
      const browser = shop.browser();
      await browser.form("/login", {}, bob);
      await browser.page("/");
      const a = browser.anonymous;
      await new Promise((resolve) => store.clear(resolve));
      await shop.quiet();
      shop.rec.clear();
      const views = new Set<string>();
      for (let view = 0; view < 3; view += 1) views.add((await browser.page("/")).text);
      expect(views.size).toBe(1);
      await browser.form("/login", {}, bill);
      await browser.page("/");
      await shop.quiet();
      return { shop, browser, a, view: [...views][0] as string, codes: shop.codes };
    };

    it("undefined: the views are bob's, bill has a new identity, no edge between the two", async () => {
      const { shop, browser, a, view, codes } = await expire(undefined);
      expect(view).toBe(a);
      expect(browser.anonymous).not.toBe(a);
      expect(people(shop.rec.commands)).toEqual([[a], [browser.anonymous, "bill"].sort()]);
      expect(codes).toEqual(["KM_IDENTITY_NEVER_NULL"]);
    });

    it("null: the views are bill's, no edge to bob's identity", async () => {
      const { shop, browser, a, view, codes } = await expire(null);
      expect(view).not.toBe(a);
      expect(view).toBe(browser.anonymous);
      expect(people(shop.rec.commands)).toEqual([[view, "bill"].sort()]);
      expect(codes).toEqual([]);
    });
  });

  it.each(["is frozen", "throws when it is read", "is no object"])("a session that %s throws nothing into the app", async (what) => {
    const broken: Record<string, PropertyDescriptor> = {
      "is frozen": { value: Object.freeze({}) },
      "throws when it is read": {
        get: () => {
          throw new Error("on purpose");
        },
      },
      "is no object": { value: "s1" },
    };
    const shop = await open(express, (app, rec) => {
      app.use(km(rec.client), (req, _res, next) => void [Object.defineProperty(req, "session", broken[what] ?? {}), next()]);
      app.post("/login", (req, res) => {
        say(req, res);
        res.send(req.km.identity);
      });
    });
    expect((await shop.browser().form("/login")).text).toBe("bob");
    expect((await shop.heard()).at(-1)).toBe("bob: Logged In");
  });

  it("a session that only the sub-app has is seen by km() above it", async () => {
    const shop = await open(express, (app, rec) => {
      const sub = express();
      sub.use(sessions());
      sub.post("/login", (req, res) => {
        req.km.identify("bob");
        res.redirect("/shop");
      });
      sub.get("/", (req, res) => void res.send(req.km.identity));
      app.use(km(rec.client));
      app.use("/shop", sub);
    });
    const browser = shop.browser();
    await browser.form("/shop/login");
    expect((await browser.page("/shop")).text).toBe("bob");
  });
});
