import { createServer } from "node:http";
import { Readable } from "node:stream";
import { openShop, people, type Shop } from "@kmkit/testkit";
import Koa3, { type Context, type Middleware } from "koa";
import passports from "koa-passport";
import session from "koa-session";
import Koa2 from "koa2";
import { describe, expect, it } from "vitest";
import { type Client, km } from "../src/index.ts";
import { type Koa, memory, mounted, mountOf } from "./mount.ts";

const versions: [string, Koa][] = [
  ["Koa 2", Koa2],
  ["Koa 3", Koa3],
];

type Failing = [string, Middleware, number, string?];
const brokenBody: Failing = [
  "a body that is a broken stream",
  (ctx) => {
    ctx.body = new Readable({
      read() {
        this.destroy(new Error("on purpose"));
      },
    });
  },
  500,
];

/** An app of one's own, that listens until the test is over. */
function open(Koa: Koa, build: (app: Koa3, client: Client) => void): Promise<Shop> {
  const start = ({ km: { client } }: { km: { client: Client } }) => {
    const app = new Koa();
    app.silent = true;
    build(app, client);
    return { server: createServer(app.callback()) };
  };
  return openShop({ ...mountOf(Koa), start }, { routes: [] });
}

const at = (path: string, work: Middleware): Middleware => {
  return (ctx, next) => (ctx.path === path ? work(ctx, next) : next());
};
const home = at("/", (ctx) => {
  ctx.km.record("Viewed Home");
  ctx.body = ctx.km.identity;
});

describe.each(versions)("what is Koa's own: %s", (_, Koa) => {
  it("ctx.req.km is ctx.km, and an app served by its callback() knows the same visitor", async () => {
    const shop = await open(Koa, (app, client) => {
      const inner = new Koa();
      inner.use(km(client)).use((ctx) => {
        ctx.km.record("Seen Inside");
        ctx.body = `${ctx.km === ctx.req.km} ${ctx.km.identity}`;
      });
      app.use(km(client));
      app.use((ctx) => {
        ctx.req.km.record("Seen Outside");
        ctx.respond = false;
        inner.callback()(ctx.req, ctx.res);
      });
    });
    const browser = shop.browser();
    expect((await browser.page("/")).text).toBe(`true ${browser.anonymous}`);
    const a = browser.anonymous;
    expect(await shop.heard()).toEqual([`${a}: Seen Outside`, `${a}: Seen Inside`]);
  });

  describe("the error path, which takes every header away", () => {
    const errors: Failing[] = [
      ["ctx.throw", (ctx) => ctx.throw(418, "teapot"), 418],
      ["an error of the app's", () => Promise.reject(new Error("on purpose")), 500],
      ["what is no error at all", () => Promise.reject("a text"), 500],
      [
        "an error with headers",
        (ctx) => ctx.throw(401, "who?", { headers: { "Set-Cookie": "flash=1", "X-Why": "login" } }),
        401,
        "flash=1",
      ],
      // Koa 3 cuts the connection here, with and without us.
      ...(Koa === Koa2 ? [brokenBody] : []),
    ];
    it.each(errors)("%s: our cookies are there, and the commands", async (_name, fail, status, theirs) => {
      const shop = await open(Koa, (app, client) => {
        app.use(km(client));
        app.use((ctx, next) => {
          ctx.cookies.set("early", "1");
          ctx.km.record("Tried");
          return fail(ctx, next);
        });
      });
      const browser = shop.browser();
      const answer = await browser.page("/");
      expect(answer.status).toBe(status);
      expect(answer.ours).toHaveLength(2);
      expect(answer.headers["cache-control"]).toBe("private");
      expect(answer.cookies.filter((line) => !line.startsWith("km_"))).toEqual(theirs === undefined ? [] : [theirs]);
      expect(await shop.heard()).toEqual([`${browser.anonymous}: Tried`]);
      expect(shop.codes).toEqual([]);
    });
  });

  it("ctx.respond = false: what the app writes itself carries our cookies beside its own", async () => {
    const shop = await open(Koa, (app, client) => {
      app.use(km(client));
      app.use((ctx) => {
        ctx.respond = false;
        ctx.km.identify("bob");
        ctx.km.record("Streamed");
        setTimeout(() => {
          ctx.res.writeHead(200, { "Content-Type": "text/html", "Set-Cookie": ["a=1", "b=2"] });
          ctx.res.write("one ");
          setTimeout(() => ctx.res.end("two"), 5);
        }, 5);
      });
    });
    const answer = await shop.browser().page("/");
    expect(answer.text).toBe("one two");
    expect(answer.cookies.map((line) => line.split("=")[0])).toEqual(["a", "b", "km_ai", "km_claim"]);
    const heard = await shop.heard();
    expect([heard.length, heard.at(-1)]).toEqual([2, "bob: Streamed"]);
  });

  it("behind a proxy it believes: https and the host that was asked for", async () => {
    const shop = await open(Koa, (app, client) => {
      app.proxy = true;
      app.use(km({ client, cookie: { domain: ".shop.example" } })).use(home);
    });
    const headers = { "x-forwarded-proto": "https", "x-forwarded-host": "www.shop.example:8443" };
    const answer = await shop.browser().page("/", headers);
    const [ai, claim] = answer.ours.filter((line) => !line.includes("Max-Age=0"));
    for (const line of [ai, claim]) expect(line).toMatch(/Domain=\.?shop\.example; .*Secure/);
  });

  it("a route below a mount is told by the path that was asked for", async () => {
    const shop = await open(Koa, (app, client) => {
      app.use(mounted("/shop", [km(client), home]));
    });
    await shop.browser().call("/shop/?a=1");
    expect(shop.rec.errors.map(({ code, detail }) => `${code} ${detail}`)).toEqual(["KM_VISITOR_UNKNOWN GET /shop/"]);
  });

  describe.each([
    ["a store", (app: Koa3) => memory(app)],
    ["the cookie", (app: Koa3) => session({ key: "sid", signed: false }, app)],
  ])("koa-session, kept in %s", (_kept, library) => {
    const empty = (ctx: Context) => {
      ctx.session = {};
    };
    const drop = (ctx: Context) => {
      ctx.session = null;
    };
    const renew = async (ctx: Context) => {
      empty(ctx);
      await ctx.session.regenerate();
    };
    const say = (ctx: Context) => {
      ctx.km.identify("bob");
      ctx.km.record("Logged In");
    };
    type Login = (ctx: Context) => void | Promise<void>;
    const logins: [string, Login][] = [
      ["nothing but identify", say],
      ["regenerate() before", async (ctx) => void [await ctx.session.regenerate(), say(ctx)]],
      ["regenerate() after", async (ctx) => void [say(ctx), await ctx.session.regenerate()]],
      ["a new session before", async (ctx) => void [await renew(ctx), say(ctx)]],
      ["a new session after", async (ctx) => void [say(ctx), await renew(ctx)]],
      ["a new session after, and one more", async (ctx) => void [say(ctx), await renew(ctx), empty(ctx)]],
      ["a new session after, saved by hand", async (ctx) => void [say(ctx), empty(ctx), await ctx.session.save()]],
      ["none, then a new one", (ctx) => void [say(ctx), drop(ctx), empty(ctx)]],
    ];
    describe.each(["session", "km"] as const)("%s first", (first) => {
      const shopOf = (login: Login, logout: Login) =>
        open(Koa, (app, client) => {
          const parts = [library(app), km(client)];
          for (const part of first === "session" ? parts : parts.reverse()) app.use(part);
          for (const [path, work] of [
            ["/login", login],
            ["/logout", logout],
          ] as const) {
            app.use(
              at(path, async (ctx) => {
                await work(ctx);
                ctx.redirect("/");
              }),
            );
          }
          app.use(home);
        });

      it.each(logins)("log in with %s: ends with bob, one alias, no other identity", async (_name, login) => {
        const shop = await shopOf(login, () => {});
        const browser = shop.browser();
        await browser.page("/");
        const a = browser.anonymous;
        await browser.form("/login");
        expect((await browser.page("/")).text).toBe("bob");
        expect(browser.anonymous).toBe(a);
        expect(await shop.heard()).toEqual([`${a}: Viewed Home`, `${a} = bob`, "bob: Logged In", "bob: Viewed Home"]);
        expect(shop.codes).toEqual([]);
      });

      it.each<[string, Login]>([
        ["identify(null)", (ctx) => ctx.km.identify(null)],
        ["null, then identify(null)", (ctx) => void [drop(ctx), ctx.km.identify(null)]],
        ["identify(null), then null", (ctx) => void [ctx.km.identify(null), drop(ctx)]],
        ["identify(null), then a new session", async (ctx) => void [ctx.km.identify(null), await renew(ctx)]],
      ])("log out with %s: somebody else from then on", async (_name, logout) => {
        const shop = await shopOf(say, logout);
        const browser = shop.browser();
        await browser.form("/login");
        const a = browser.anonymous;
        await browser.form("/logout");
        const b = browser.anonymous;
        expect([b === a, browser.claim]).toEqual([false, "-"]);
        expect((await browser.page("/")).text).toBe(b);
        await shop.quiet();
        expect(people(shop.rec.commands)).toEqual([[a, "bob"].sort(), [b]]);
        expect(shop.codes).toEqual([]);
      });
    });

    it("a session of the app's is its own: nothing is saved for a stranger, and the id stays where nothing changes", async () => {
      const shop = await open(Koa, (app, client) => app.use(km(client)).use(library(app)).use(home));
      const browser = shop.browser();
      const answer = await browser.page("/");
      expect(answer.cookies).toEqual(answer.ours);
    });
  });

  it("a session library whose session is a plain property, renewed after identify", async () => {
    let kept: object = {};
    const shop = await open(Koa, (app, client) => {
      app.use(async (ctx, next) => {
        ctx.session = kept;
        await next();
        kept = { ...ctx.session };
      });
      app.use(km(client));
      app.use(
        at("/login", (ctx) => {
          ctx.km.identify("bob");
          ctx.session = {};
          ctx.status = 204;
        }),
      );
      app.use(home);
    });
    const browser = shop.browser();
    await browser.form("/login");
    expect((await browser.page("/")).text).toBe("bob");
    expect(kept).toEqual({ km_identity: "bob" });
  });

  it("a session cookie that cannot be read costs the visitor nothing but the session", async () => {
    const decode = () => {
      throw new TypeError("on purpose");
    };
    const shop = await open(Koa, (app, client) => {
      app.use(km(client)).use(session({ key: "sid", signed: false, decode }, app));
      app.use((ctx) => {
        ctx.body = ctx.km.identity;
      });
    });
    const browser = shop.browser();
    browser.put("sid", "broken");
    const answer = await browser.page("/");
    expect([answer.status, answer.text]).toEqual([200, browser.anonymous]);
    expect(new Set(shop.codes)).toEqual(new Set(["KM_IDENTITY_FAILED"]));
  });

  describe.each([
    ["the identity option", (ctx: Context) => (ctx.state.user as { id: string } | undefined)?.id ?? null],
    ["identify() in the strategy", undefined],
  ])("koa-passport, by %s", (_how, identity) => {
    it.each(["session", "km"] as const)("log in, page, log out: bob, one alias, then a fresh visitor (%s first)", async (first) => {
      const auth = new passports.KoaPassport();
      auth.use({
        name: "form",
        authenticate({ ctx }) {
          if (identity === undefined) ctx.km.identify("bob");
          this.success({ id: "bob" });
        },
      });
      auth.serializeUser((user, done) => done(null, (user as { id: string }).id));
      auth.deserializeUser((id, done) => done(null, { id }));
      const shop = await open(Koa, (app, client) => {
        const parts = [memory(app), km({ client, ...(identity === undefined ? {} : { identity }) })];
        for (const part of first === "session" ? parts : parts.reverse()) app.use(part);
        app.use(auth.initialize()).use(auth.session());
        app.use(at("/login", auth.authenticate("form")));
        app.use(
          at("/login", (ctx) => {
            ctx.km.record("Logged In");
            ctx.redirect("/");
          }),
        );
        app.use(
          at("/logout", async (ctx) => {
            await ctx.logout();
            if (identity === undefined) ctx.km.identify(null);
            ctx.redirect("/");
          }),
        );
        app.use(home);
      });
      const browser = shop.browser();
      await browser.page("/");
      const a = browser.anonymous;
      await browser.form("/login");
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
});
