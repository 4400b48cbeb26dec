import http from "node:http";
import { expect, vi } from "vitest";
import type { Turn } from "./mount.ts";
import { claimOf, told } from "./people.ts";
import { byHeader, gate, get, openShop, post, type Shop, silent } from "./shop.ts";
import type { Suite } from "./suite.ts";

/** Commands that come when the headers have gone, or when all is over; and connections that serve several requests. */
export function late(suite: Suite): void {
  const { it, mount } = suite;

  suite.describe("after the answer has ended", () => {
    /** A shop, and the turn of its last page once that is over. */
    const over = async (ask: (shop: Shop) => Promise<unknown>): Promise<{ shop: Shop; turn: Turn }> => {
      const turns: Turn[] = [];
      const page = get("/", (turn) => {
        turns.push(turn);
        turn.send("done");
      });
      const shop = await openShop(mount, { options: { identity: byHeader(mount) }, routes: [page] });
      await ask(shop);
      await shop.quiet();
      return { shop, turn: turns.at(-1) as Turn };
    };

    it("a command stands under the identity that the answer carried", async () => {
      let a = "";
      const { shop, turn } = await over(async (open) => {
        a = (await open.visitor("/")).a;
      });
      turn.km.record("Later");
      turn.km.set({ Plan: "Pro" });
      expect([await shop.heard(), shop.codes]).toEqual([[`${a}: Later`, `${a} {"Plan":"Pro"}`], []]);
    });

    it("a cookieless anonymous visitor's command is kept and reported", async () => {
      const { shop, turn } = await over((open) => open.browser().call("/"));
      turn.km.record("Later");
      expect(await shop.heard()).toHaveLength(1);
      expect(shop.codes).toContain("KM_COOKIE_TOO_LATE");
    });

    it("a log in without a cookie ties nothing; its commands are bob's", async () => {
      const { shop, turn } = await over((open) => open.browser().page("/"));
      turn.km.identify("bob");
      turn.km.record("Later");
      expect(await shop.heard()).toEqual(["bob: Later"]);
    });

    it("an alias that was asked for is refused with a code, and counted", async () => {
      const { shop, turn } = await over((open) => open.browser().page("/"));
      turn.km.alias("bob");
      expect([await shop.heard(), shop.codes]).toEqual([[], ["KM_COOKIE_TOO_LATE"]]);
      expect(shop.rec.client.stats().refused).toEqual({ KM_COOKIE_TOO_LATE: 1 });
    });
  });

  it("a log in after the headers have gone is tied by the next answer", async () => {
    const [begun, known] = [gate(), gate()];
    const login = post("/login", async (turn) => {
      const stream = turn.stream();
      stream.write("checking …");
      void known.promise.then(() => {
        turn.km.identify("bob");
        turn.km.record("Logged In");
        stream.end();
      });
      begun.open();
    });
    const shop = await openShop(mount, { options: { identity: byHeader(mount) }, routes: [login, silent] });
    const { browser, a } = await shop.visitor("/silent");
    const headers = { cookie: browser.cookie() };
    const answer = new Promise<http.IncomingMessage>((resolve) => {
      http.request(`${shop.url}/login`, { method: "POST", headers, agent: false }, resolve).end();
    });
    await begun.promise;
    const response = await answer;
    known.open();
    for await (const _chunk of response);
    expect(response.headers["set-cookie"]).toBe(undefined);
    expect(await shop.heard()).toEqual(["bob: Logged In"]);
    await browser.page("/silent", { "x-user": "bob" });
    expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
    expect(await shop.heard()).toEqual(["bob: Logged In", `${a} = bob`]);
  });

  it("requests on one kept connection: each one's commands come with its own answer", async () => {
    const page = get("/", (turn) => {
      turn.km.record("Seen");
      turn.send("hi");
    });
    const shop = await openShop(mount, { options: { identity: byHeader(mount) }, routes: [page] });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (const user of ["bob", "bill", "ann"]) {
      const headers = { "x-user": user };
      await new Promise((resolve) => http.get(shop.url, { agent, headers }, (response) => response.resume().on("end", resolve)));
      await vi.waitFor(() => expect(told(shop.rec.commands)).toContain(`${user}: Seen`));
    }
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
    agent.destroy();
    expect(await shop.heard()).toEqual(["bob: Seen", "bill: Seen", "ann: Seen"]);
  });
}
