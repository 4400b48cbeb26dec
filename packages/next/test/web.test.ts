import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Recorder, recorder } from "@kmkit/core";
import { claimOf, gate, kinds } from "@kmkit/testkit";
import { notFound, redirect } from "next/navigation.js";
import { NextRequest } from "next/server.js";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import * as edge from "../src/edge/index.ts";
import type { KmHandler, NextOptions } from "../src/index.ts";
import * as node from "../src/index.ts";

// Next's own modules look for it in the global object, where Next puts it.
await vi.hoisted(async () => Object.assign(globalThis, { AsyncLocalStorage: (await import("node:async_hooks")).AsyncLocalStorage }));

const A = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f85c4";
const free = `km_ai=${A}; km_claim=${A.slice(-8)}.-.${Math.floor(Date.now() / 86_400_000)}`;

let rec: Recorder;
beforeEach(() => {
  rec = recorder();
});

const requestOf = ({ cookie, ...init }: { method?: string; cookie?: string; kind?: keyof typeof kinds; signal?: AbortSignal } = {}) => {
  const { kind = "page", ...rest } = init;
  return new NextRequest("http://shop.example/", { ...rest, headers: { ...kinds[kind], ...(cookie === undefined ? {} : { cookie }) } });
};
const ours = (response: Response) => response.headers.getSetCookie().filter((line) => line.startsWith("km_"));
const names = () => rec.commands.map((one) => (one.type === "record" ? one.name : one.type));
const codes = () => rec.errors.map(({ code }) => code);
const thrownBy = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (cause) {
    return cause;
  }
};

describe.each([
  ["@kmkit/next", node],
  ["@kmkit/next/edge", edge],
])("withKm of %s, called without a server", (_, { withKm }) => {
  const wrap = (handler: KmHandler<unknown>, options: NextOptions = {}) => withKm(handler, { client: rec.client, ...options });
  const ask = (handler: KmHandler<unknown>, request = requestOf(), options: NextOptions = {}) => wrap(handler, options)(request, {});

  describe("an answer", () => {
    it("carries our cookies beside the app's, and is private", async () => {
      const response = await ask((request) => {
        request.km.record("Seen");
        const headers = new Headers({ "set-cookie": "a=1" });
        headers.append("set-cookie", "b=2");
        return new Response("Hello", { headers });
      });
      expect(response.headers.getSetCookie().map((line) => line.split(/[=;]/)[0])).toEqual(["a", "b", "km_ai", "km_claim"]);
      expect(response.headers.get("cache-control")).toBe("private");
      expect(await response.text()).toBe("Hello");
      expect(names()).toEqual(["Seen"]);
    });

    it("of a GET handler that never looks at request.km is the handler's own object, with nothing on it", async () => {
      const shared = Response.json({});
      expect(await ask(() => shared)).toBe(shared);
      expect(shared.headers.getSetCookie()).toEqual([]);
      expect([names(), rec.client.stats().leftOut]).toEqual([[], {}]);
    });

    it("of another method, or with an identity, carries them also where the handler does not look", async () => {
      expect(ours(await ask(() => Response.json({}), requestOf({ method: "POST", cookie: free }), { identity: () => "bob" }))).toHaveLength(
        2,
      );
      expect(ours(await ask(() => Response.json({}), requestOf(), { identity: async () => null }))).toHaveLength(2);
      expect(ours(await ask(() => Response.json({}), requestOf({ method: "POST", kind: "call" })))).toEqual([]);
    });

    it("is the app's own object where there is nothing to carry", async () => {
      const shared = new Response(null, { status: 204 });
      expect(await ask((request) => (request.km.identity ? shared : shared), requestOf({ kind: "call" }))).toBe(shared);
    });

    it("is copied before a cookie is put on it: the app may hand out one object to everybody", async () => {
      const shared = new Response(null, { status: 204 });
      const handler = wrap((request) => (request.km.identity ? shared : shared));
      const [first, second] = [await handler(requestOf(), {}), await handler(requestOf(), {})];
      expect([ours(first).length, ours(second).length]).toEqual([2, 2]);
      expect(ours(first)[0]).not.toBe(ours(second)[0]);
      expect(shared.headers.getSetCookie()).toEqual([]);
    });

    it("may have headers that cannot be written, as those of fetch() and Response.redirect() have", async () => {
      const data = await ask((request) => (request.km.identity ? fetch("data:text/plain,hello") : Response.error()));
      expect([ours(data).length, await data.text()]).toEqual([2, "hello"]);
      const away = await ask((request) => Response.redirect(`http://shop.example/?${request.km.anonymous}`, 302));
      expect([away.status, away.headers.get("location"), ours(away).length]).toEqual([302, "http://shop.example/?true", 2]);
    });

    it("goes through untouched where it is none: a network error", async () => {
      const response = await ask((request) => {
        request.km.record("Asked");
        return Response.error();
      });
      expect([response.type, names(), codes()]).toEqual(["error", ["Asked"], ["KM_COOKIE_TOO_LATE"]]);
    });

    it("to a request without any header, as tests send it, is one like any other", async () => {
      const response = await ask((request) => {
        request.km.record("Seen");
        return Response.json(request.km.anonymous);
      }, new NextRequest("http://shop.example/"));
      expect([await response.json(), ours(response).length, names()]).toEqual([true, 2, ["Seen"]]);
    });

    it("of a handler that is wrapped twice counts once", async () => {
      const handler = wrap((request) => {
        request.km.record("Seen");
        return new Response(null);
      });
      const response = await wrap((request) => handler(request, {}))(requestOf(), {});
      expect([ours(response).length, names()]).toEqual([2, ["Seen"]]);
    });
  });

  describe("what the handler throws", () => {
    it.each([
      ["a text", "broken"],
      ["an Error", new Error("on purpose")],
      ["redirect()", thrownBy(() => redirect("/login"))],
      ["notFound()", thrownBy(() => notFound())],
      ["undefined", undefined],
    ])("goes on to Next as it is, at once or later: %s", async (__, thrown) => {
      const digest = (thrown as { digest?: string } | undefined)?.digest;
      for (const identity of [undefined, () => null, async () => null]) {
        for (const late of [false, true]) {
          rec.clear();
          const handler = (request: { km: node.Km }) => {
            request.km.record("Tried");
            throw thrown;
          };
          const answer = ask(late ? async (request) => handler(request) : handler, requestOf(), identity === undefined ? {} : { identity });
          await expect(answer).rejects.toBe(thrown);
          expect(names()).toEqual(["Tried"]);
        }
      }
      expect((thrown as { digest?: string } | undefined)?.digest).toBe(digest);
    });

    it("does not matter to the visitor, who has been asked for by promise", async () => {
      const answer = ask(
        (request) => {
          request.km.record("Tried");
          throw new Error("on purpose");
        },
        requestOf({ cookie: free }),
        { identity: async () => "bob" },
      );
      await expect(answer).rejects.toThrow("on purpose");
      // No answer of ours carries the claim, so nothing is tied.
      expect(rec.commands).toMatchObject([{ type: "record", name: "Tried", identity: "bob" }]);
    });

    it("goes on also where the handler has not looked at request.km", async () => {
      await expect(
        ask(() => {
          throw new Error("on purpose");
        }),
      ).rejects.toThrow("on purpose");
    });
  });

  describe("the body of an answer", () => {
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
    const login = (body: BodyInit | null, request = requestOf()) =>
      ask(({ km }) => {
        km.identify("bob");
        km.record("Seen");
        return new Response(body);
      }, request);
    const readerOf = (response: Response) => (response.body as ReadableStream<Uint8Array>).getReader();

    it("is not read ahead, and its end is the end of the request", async () => {
      const pulls: number[] = [];
      const reader = readerOf(await login(stream(pulls)));
      await new Promise((resolve) => setImmediate(resolve));
      expect(pulls).toEqual([]);
      await reader.read();
      expect([pulls, names()]).toEqual([[0], []]);
      while (!(await reader.read()).done);
      expect(names()).toEqual(["alias", "Seen"]);
    });

    it("that is left is an aborted request: no alias, since the browser may not have kept the cookies", async () => {
      const cancel = vi.fn();
      const reader = readerOf(await login(stream([], { cancel })));
      await reader.read();
      await reader.cancel("gone");
      expect(cancel).toHaveBeenCalledWith("gone");
      expect(names()).toEqual(["Seen"]);
    });

    it("that fails is handed on as it fails", async () => {
      const fail = () => {
        throw new Error("disk");
      };
      await expect((await login(stream([], { pull: fail }))).text()).rejects.toThrow("disk");
      expect(names()).toEqual(["Seen"]);
    });

    it("is aborted with the request", async () => {
      const abort = new AbortController();
      await login(stream(), requestOf({ signal: abort.signal }));
      expect(names()).toEqual([]);
      abort.abort();
      expect(names()).toEqual(["Seen"]);
    });

    it("may be missing", async () => {
      expect(await (await login(null)).text()).toBe("");
      expect(names()).toEqual(["alias", "Seen"]);
    });

    it("may not be asked for", async () => {
      const pulls: number[] = [];
      const response = await login(stream(pulls), requestOf({ method: "HEAD" }));
      expect([ours(response).length, names(), pulls]).toEqual([2, ["alias", "Seen"], []]);
    });

    it("that cannot be read any more is the app's own fault, and does not become ours", async () => {
      const used = new Response("once");
      await used.text();
      const response = await ask((request) => (request.km.identity ? used : used));
      expect([response === used, codes()]).toEqual([true, ["KM_INTERNAL"]]);
    });

    it("keeps a handler that goes on: what it records in mid-stream is handed over at the end", async () => {
      const response = await ask(
        ({ km }) => {
          const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
            km.record("Streamed");
            controller.close();
          };
          return new Response(stream([], { pull }));
        },
        requestOf({ cookie: free }),
      );
      expect(names()).toEqual([]);
      await response.text();
      expect(names()).toEqual(["Streamed"]);
    });
  });

  describe("the identity option", () => {
    const byCookie = vi.fn(async ({ cookies }: node.NextNative) => cookies.get("user")?.value ?? null);
    beforeEach(() => void byCookie.mockClear());
    const claimIn = (response: Response) => /km_claim=[^.]*\.([^.]*)\./.exec(ours(response).join())?.[1];

    it("may answer with a promise, which is there before the handler is called", async () => {
      const response = await ask(({ km }) => Response.json([km.identity, km.anonymous]), requestOf({ cookie: `${free}; user=bob` }), {
        identity: byCookie,
      });
      expect([await response.json(), claimIn(response)]).toEqual([["bob", false], claimOf(A, "bob")]);
      expect(rec.commands).toMatchObject([{ type: "alias", identity: A, alias: "bob" }]);
      expect(byCookie).toHaveBeenCalledTimes(1);
    });

    it("is asked again when the answer sets a cookie: a log in counts for the commands of its own request's end", async () => {
      const response = await ask(
        ({ km }) => {
          km.record("Logged In");
          return new Response(null, { headers: { "set-cookie": "user=bob; Path=/" } });
        },
        requestOf({ method: "POST", cookie: free }),
        { identity: byCookie },
      );
      expect([byCookie.mock.calls.length, claimIn(response)]).toEqual([2, claimOf(A, "bob")]);
      expect(rec.commands).toMatchObject([
        { type: "alias", identity: A, alias: "bob" },
        { name: "Logged In", identity: A },
      ]);
    });

    it("sees a log out by a cookie that the answer expires: the next visitor is another one", async () => {
      const claimed = free.replace(".-.", `.${claimOf(A, "bob")}.`);
      for (const gone of ["user=; Max-Age=0", "user=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]) {
        const response = await ask(
          () => new Response(null, { headers: { "set-cookie": gone } }),
          requestOf({ method: "POST", cookie: `${claimed}; user=bob` }),
          { identity: byCookie },
        );
        expect([ours(response).length, claimIn(response), ours(response).join().includes(A)]).toEqual([2, "-", false]);
      }
    });

    it("that fails is reported, and the visitor is not known", async () => {
      for (const identity of [
        () => Promise.reject(new Error("database")),
        async () => {
          throw "down";
        },
      ]) {
        rec.clear();
        const response = await ask(({ km }) => Response.json(km.anonymous), requestOf({ cookie: free }), { identity });
        expect([await response.json(), codes(), names()]).toEqual([true, ["KM_IDENTITY_FAILED"], []]);
      }
    });

    it.each([
      ["redirect()", () => redirect("/login")],
      ["notFound()", () => notFound()],
      [
        "whatever Next knows by its digest",
        () => {
          throw Object.assign(new Error("dynamic"), { digest: "DYNAMIC_SERVER_USAGE" });
        },
      ],
    ])("that ends the request by %s goes on to Next, by promise or at once, and the handler is not called", async (__, end) => {
      const handler = vi.fn(() => Response.json({}));
      for (const identity of [async () => end(), () => end()]) {
        const digest = (thrownBy(end) as { digest: string }).digest;
        await expect(ask(handler, requestOf(), { identity })).rejects.toMatchObject({ digest });
      }
      expect([handler.mock.calls.length, codes()]).toEqual([0, []]);
    });

    it("that would redirect after a log out does not take the place of the handler's answer", async () => {
      const identity = async ({ cookies }: node.NextNative) => cookies.get("user")?.value ?? redirect("/login");
      const request = requestOf({ method: "POST", cookie: "user=bob" });
      const response = await ask(() => new Response("bye", { headers: { "set-cookie": "user=; Max-Age=0" } }), request, { identity });
      expect([await response.text(), codes()]).toEqual(["bye", []]);
    });

    it("gets the handler's own request", async () => {
      const natives: unknown[] = [];
      const request = requestOf();
      await ask(() => Response.json({}), request, { identity: (native) => void natives.push(native) });
      expect(new Set(natives)).toEqual(new Set([request]));
    });
  });
});

describe.each([
  ["@kmkit/next", node],
  ["@kmkit/next/edge", edge],
])("kmProxy of %s, called without a server", (_, { kmProxy }) => {
  it("hands on what the app's own proxy throws, and its commands leave", async () => {
    const held: Promise<unknown>[] = [];
    const event = { waitUntil: (work: Promise<unknown>) => void held.push(work) };
    const broken = new Error("on purpose");
    const proxy = kmProxy(
      (request) => {
        request.km.record("Tried");
        throw broken;
      },
      { client: rec.client },
    );
    await expect(proxy(requestOf({ cookie: free }), event as Parameters<typeof proxy>[1])).rejects.toBe(broken);
    await Promise.all(held);
    expect([held.length, rec.commands]).toMatchObject([1, [{ name: "Tried", identity: A }]]);
  });
});

describe("with the response of a Node server beneath", () => {
  const headers = { ...kinds.page, cookie: free };
  /** A server whose handler is called as Next calls it, with what settles when the connection is closed; gives what the handler comes to. */
  const serve = async (
    handler: (request: node.KmRequest, closed: Promise<unknown>) => Response | Promise<Response>,
    work: (url: string) => unknown,
  ): Promise<Response> => {
    const wrapped = node.withKm(handler, { client: rec.client });
    const done = gate<Response>();
    const server = createServer(async (_request, response) => {
      const answer = wrapped(requestOf({ cookie: free }), once(response, "close"));
      done.open(answer);
      for (const [name, value] of (await answer).headers) response.appendHeader(name, value);
      response.end();
    });
    await once(server.listen(0, "localhost"), "listening");
    onTestFinished(() => void server.close());
    await work(`http://localhost:${(server.address() as AddressInfo).port}`);
    return done.promise;
  };

  it("the Response is the app's own object, and the cookies go out on the one beneath", async () => {
    const shared = new Response(null, { status: 204, headers: { "set-cookie": "a=1" } });
    let lines: string[] = [];
    const login = ({ km }: node.KmRequest) => {
      km.identify("bob");
      km.record("Seen");
      return shared;
    };
    const answer = await serve(login, async (url) => {
      lines = (await fetch(url, { headers })).headers.getSetCookie();
    });
    expect(answer).toBe(shared);
    expect(shared.headers.getSetCookie()).toEqual(["a=1"]);
    expect(lines.map((line) => line.split("=")[0])).toEqual(["a", "km_ai", "km_claim"]);
    await vi.waitFor(() => expect(names()).toEqual(["alias", "Seen"]));
  });

  it("a visitor who is asked for when the client has long left still leaves the commands", async () => {
    const entered = gate();
    const late = async (request: node.KmRequest, closed: Promise<unknown>) => {
      entered.open();
      await closed;
      request.km.record("Late");
      return new Response(null);
    };
    const answer = await serve(late, async (url) => {
      const leave = new AbortController();
      const asked = fetch(url, { headers, signal: leave.signal }).catch(() => {});
      await entered.promise;
      leave.abort();
      await asked;
    });
    expect(answer.status).toBe(200);
    await vi.waitFor(() => expect(rec.commands).toMatchObject([{ name: "Late", identity: A }]));
  });
});
