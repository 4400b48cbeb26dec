import { type Recorder, recorder } from "@kmkit/core";
import { kinds } from "@kmkit/testkit";
import { Hono } from "hono";
import { setCookie } from "hono/cookie";
import { HTTPException } from "hono/http-exception";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { km } from "../src/index.ts";

/** What a fetch-only platform hands to an app beside the request. */
class Platform {
  readonly work: Promise<unknown>[] = [];
  readonly props = {};
  waitUntil(work: Promise<unknown>): void {
    this.work.push(work);
  }
  passThroughOnException(): void {}
}

let rec: Recorder;
let app: Hono;
let platform: Platform;
beforeEach(() => {
  rec = recorder();
  app = new Hono();
  app.use(km(rec.client));
  platform = new Platform();
});
const ask = async (path: string, init: RequestInit = {}): Promise<Response> =>
  app.fetch(new Request(`http://shop.example${path}`, { ...init, headers: { ...kinds.page, ...init.headers } }), {}, platform);
const ours = (response: Response) => response.headers.getSetCookie().filter((line) => line.startsWith("km_"));
const names = () => rec.commands.map((one) => (one.type === "record" ? one.name : one.type));

describe("an answer of Hono's on a fetch-only runtime", () => {
  it("carries our cookies beside the app's, and is private", async () => {
    app.get("/", (c) => {
      setCookie(c, "theme", "dark");
      c.header("set-cookie", "a=1", { append: true });
      return c.text("Hello", 200, { "set-cookie": ["b=2", "c=3"] });
    });
    const response = await ask("/");
    expect(ours(response)).toHaveLength(2);
    expect(response.headers.get("cache-control")).toBe("private");
    expect(await response.text()).toBe("Hello");
  });

  it("is the app's own object where there is nothing to carry", async () => {
    const shared = new Response(null, { status: 204 });
    app.get("/api", () => shared);
    expect(await ask("/api", { headers: kinds.call })).toBe(shared);
  });

  it("is copied before a cookie is put on it: the app may hand out one object to everybody", async () => {
    const shared = new Response(null, { status: 204 });
    app.get("/shared", () => shared);
    const first = await ask("/shared");
    const second = await ask("/shared");
    expect(ours(first)).toHaveLength(2);
    expect(ours(second)).toHaveLength(2);
    expect(ours(first)[0]).not.toBe(ours(second)[0]);
    expect(shared.headers.getSetCookie()).toEqual([]);
  });

  it("may have headers that cannot be written, as those of fetch() and Response.redirect() have", async () => {
    app.get("/data", () => fetch("data:text/plain,hello"));
    app.get("/away", () => Response.redirect("http://shop.example/", 302));
    const data = await ask("/data");
    expect(ours(data)).toHaveLength(2);
    expect(await data.text()).toBe("hello");
    const away = await ask("/away");
    expect([away.status, away.headers.get("location"), ours(away).length]).toEqual([302, "http://shop.example/", 2]);
  });

  it("goes through untouched where it is none: a web socket's, a network error", async () => {
    const socket = Object.defineProperty(new Response(null), "status", { value: 101 });
    app.get("/socket", (c) => {
      c.var.km.record("Opened Socket");
      return socket;
    });
    app.get("/error", () => Response.error());
    expect(await ask("/socket")).toBe(socket);
    expect((await ask("/error")).type).toBe("error");
    await Promise.all(platform.work);
    expect(names()).toEqual(["Opened Socket"]);
    expect(rec.errors.map(({ code }) => code)).toEqual(["KM_COOKIE_TOO_LATE"]);
  });

  it.each([
    ["a text", () => "broken"],
    ["an HTTPException", () => new HTTPException(418, { message: "teapot" })],
    ["an Error", () => new Error("on purpose")],
  ])("when a handler throws %s", async (_, error) => {
    app.onError((thrown, c) => (thrown instanceof HTTPException ? thrown.getResponse() : c.text("sorry", 500)));
    app.get("/", (c) => {
      c.var.km.record("Tried");
      throw error();
    });
    const thrown = error();
    if (typeof thrown === "string") await expect(ask("/")).rejects.toBe("broken");
    else {
      const response = await ask("/");
      expect(ours(response)).toHaveLength(2);
      await response.text();
    }
    await Promise.all(platform.work);
    expect(names()).toEqual(["Tried"]);
  });

  it("has a session whose library saves after km() has seen the answer, and before", async () => {
    const session: Record<string, unknown> = {};
    app.use(async (c, next) => {
      c.set("session" as never, session as never);
      await next();
    });
    app.post("/login", (c) => {
      c.var.km.identify("bob");
      return c.redirect("/");
    });
    await ask("/login", { method: "POST" });
    expect(session).toEqual({ km_identity: "bob" });
  });

  it("mounted twice counts once, also in an app below", async () => {
    const below = new Hono();
    below.use(km(rec.client));
    below.get("/", (c) => {
      c.var.km.record("Seen");
      return c.text("");
    });
    app.route("/below", below);
    const response = await ask("/below");
    expect(ours(response)).toHaveLength(2);
    await response.text();
    await Promise.all(platform.work);
    expect(names()).toEqual(["Seen"]);
  });

  it("works where the platform has no waitUntil", async () => {
    app.get("/", (c) => {
      c.var.km.record("Seen");
      return c.text("Hello");
    });
    const response = await app.request("/", { headers: kinds.page });
    expect(ours(response)).toHaveLength(2);
    await response.text();
    expect(names()).toEqual(["Seen"]);
  });
});

describe("the body of such an answer", () => {
  const stream = (
    pulls: number[] = [],
    source: { pull?: (controller: ReadableStreamDefaultController<Uint8Array>) => void; cancel?: (reason: unknown) => void } = {},
  ) =>
    new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulls.push(pulls.length);
          controller.enqueue(new TextEncoder().encode(`${pulls.length}`));
          if (pulls.length === 3) controller.close();
        },
        ...source,
      },
      { highWaterMark: 0 },
    );
  const login = (body: () => ReadableStream<Uint8Array> | null) =>
    app.get("/", (c) => {
      c.var.km.identify("bob");
      c.var.km.record("Seen");
      return c.body(body() as ReadableStream);
    });

  it("is not read ahead, and its end is the end of the request", async () => {
    const pulls: number[] = [];
    login(() => stream(pulls));
    const reader = ((await ask("/")).body as ReadableStream<Uint8Array>).getReader();
    await new Promise((resolve) => setImmediate(resolve));
    expect(pulls).toEqual([]);
    await reader.read();
    expect(pulls).toEqual([0]);
    expect(names()).toEqual([]);
    while (!(await reader.read()).done);
    expect(names()).toEqual(["alias", "Seen"]);
  });

  it("that is left is an aborted request: no alias, since the browser may not have kept the cookies", async () => {
    const cancel = vi.fn();
    login(() => stream([], { cancel }));
    const reader = ((await ask("/")).body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await reader.cancel("gone");
    expect(cancel).toHaveBeenCalledWith("gone");
    await Promise.all(platform.work);
    expect(names()).toEqual(["Seen"]);
  });

  it("that fails is handed on as it fails", async () => {
    login(() =>
      stream([], {
        pull: () => {
          throw new Error("disk");
        },
      }),
    );
    await expect((await ask("/")).text()).rejects.toThrow("disk");
    expect(names()).toEqual(["Seen"]);
  });

  it("is aborted with the request, where the platform says so", async () => {
    const abort = new AbortController();
    login(() => stream());
    await ask("/", { signal: abort.signal });
    expect(names()).toEqual([]);
    abort.abort();
    await Promise.all(platform.work);
    expect(names()).toEqual(["Seen"]);
  });

  it("may be missing", async () => {
    login(() => null);
    expect(await (await ask("/")).text()).toBe("");
    expect(names()).toEqual(["alias", "Seen"]);
  });

  it("may not be asked for", async () => {
    const pulls: number[] = [];
    app.get("/file", (c) => {
      c.var.km.record("Asked");
      return c.body(stream(pulls));
    });
    expect((await ask("/file", { method: "HEAD" })).body).toBeNull();
    await Promise.all(platform.work);
    expect([names(), pulls]).toEqual([["Asked"], []]);
  });

  it("that cannot be read any more is the app's own fault, and does not become ours", async () => {
    const used = new Response("once");
    await used.text();
    app.get("/used", () => used);
    expect(await ask("/used")).toBe(used);
    expect(rec.errors.map(({ code }) => code)).toContain("KM_INTERNAL");
    await Promise.all(platform.work);
  });

  it("keeps a handler that goes on: what it records in mid-stream is handed over at the end", async () => {
    app.get("/", (c) =>
      c.body(
        stream([], {
          pull: (controller) => {
            c.var.km.record("Streamed");
            controller.close();
          },
        }),
      ),
    );
    await (await ask("/")).text();
    await Promise.all(platform.work);
    expect(names()).toEqual(["Streamed"]);
  });
});

it("hands the platform one promise a request", async () => {
  app.get("/", (c) => c.text("Hello"));
  const response = await ask("/");
  expect(platform.work).toHaveLength(1);
  const over = vi.fn();
  platform.work[0]?.then(over);
  await new Promise((resolve) => setImmediate(resolve));
  expect(over).not.toHaveBeenCalled();
  await response.text();
  await platform.work[0];
});
