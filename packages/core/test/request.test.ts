import { describe, expect, it } from "vitest";
import { createKm, openRequest, recorder } from "../src/index.ts";
import { hand, Jar, pageLoad } from "./exchange.ts";

/** What an adapter cannot easily show; the rest of a request's life is tested in the adapters, on real sockets. */
describe("one request", () => {
  it("a flush in mid-request ends, and leaves what nobody can place yet to the answer", async () => {
    const rec = recorder();
    const given = hand({ headers: pageLoad });
    const km = openRequest(rec.client, {}, {}, given.exchange);
    km.record("Viewed");
    await rec.client.flush();
    expect(rec.commands).toEqual([]);
    given.head();
    given.close(true);
    expect(rec.commands).toMatchObject([{ name: "Viewed", identity: km.identity }]);
  });

  it("a close in mid-request ends; what comes later is refused and counted", async () => {
    const sent: unknown[] = [];
    const errors: string[] = [];
    const client = createKm({
      transport: async (batch) => {
        sent.push(...batch);
        return { type: "accepted" };
      },
      onError: ({ code }) => errors.push(code),
    });
    const given = hand({ headers: pageLoad });
    openRequest(client, {}, {}, given.exchange).record("Viewed");
    await client.close();
    given.head();
    given.close(true);
    expect(sent).toEqual([]);
    expect(client.stats()).toMatchObject({ recorded: 1, sent: 0, refused: { KM_CLIENT_CLOSED: 1 } });
    expect(errors).toEqual(["KM_CLIENT_CLOSED"]);
  });

  it("two answers lost on their way, and then another name: the alias of the first is not sent without its claim", () => {
    const rec = recorder();
    const jar = new Jar();
    const ask = (name: string | undefined, finished: boolean) => {
      const given = hand({ headers: { ...pageLoad, cookie: jar.header } });
      const km = openRequest(rec.client, { identity: () => undefined }, {}, given.exchange);
      if (name !== undefined) km.identify(name);
      given.head();
      given.close(finished);
      // What is aborted here never reaches the browser.
      if (finished) jar.take(given.cookies);
    };
    ask(undefined, true);
    ask("bob", false);
    ask("bob", false);
    expect(rec.commands).toEqual([]);
    ask("bill", true);
    expect(rec.commands).toMatchObject([{ type: "alias", alias: "bill" }]);
  });

  it("whatever the framework's objects do, nothing is thrown into the app", () => {
    const rec = recorder();
    const given = hand({ headers: pageLoad });
    const broken = new Proxy(given.exchange, {
      get: (target, name) => {
        if (name === "headers" || name === "after" || name === "ending") return target[name];
        throw new Error("a response object that is none");
      },
    });
    const km = openRequest(
      rec.client,
      {
        identity: () => {
          throw new Error("no session");
        },
      },
      {},
      broken,
    );
    km.record("X");
    km.set({ a: 1 });
    km.identify("bob");
    km.identify(null);
    km.alias("bob");
    expect(typeof km.identity).toBe("string");
    given.head();
    given.close(false);
    expect(rec.errors.length).toBeGreaterThan(0);
  });
});
