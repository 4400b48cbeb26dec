import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { expect, onTestFinished, vi } from "vitest";
import { type Browser, formOf } from "./browser.ts";
import type { Turn } from "./mount.ts";
import { claimOf } from "./people.ts";
import { gate, get, openShop, post, type Shop, silent } from "./shop.ts";
import type { Suite } from "./suite.ts";

const act = (turn: Turn) => {
  const user = turn.header("x-login");
  if (user !== undefined) turn.km.identify(user);
  turn.km.record("Did");
};

/** A bare connection on which bob asks for a page. */
function connect(shop: Shop, browser: Browser, path: string): net.Socket {
  const socket = net.connect(shop.port, "localhost");
  socket.on("error", () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nX-Login: bob\r\nCookie: ${browser.cookie()}\r\n\r\n`);
  return socket;
}

/** Clients that leave, answers that never end, bodies that come slowly, commands that come late. */
export function leaving(suite: Suite): void {
  const { it, mount } = suite;
  const options = { identity: () => undefined };

  suite.describe("a client that leaves", () => {
    it("before the headers: no alias, nothing thrown, and the next log in is whole", async () => {
      const [entered, gone, done] = [gate(), gate(), gate()];
      const page = get("/", async (turn) => {
        act(turn);
        entered.open();
        await gone.promise;
        turn.send("to nobody");
        done.open();
      });
      const shop = await openShop(mount, { options, routes: [page, silent] });
      const { browser, a } = await shop.visitor("/silent");
      const socket = connect(shop, browser, "/");
      await entered.promise;
      socket.destroy();
      await shop.quiet();
      gone.open();
      await done.promise;
      expect(await shop.heard()).toEqual(["bob: Did"]);
      await browser.page("/", { "x-login": "bob" });
      expect(await shop.heard()).toEqual(["bob: Did", `${a} = bob`, "bob: Did"]);
      expect(shop.codes).toEqual([]);
    });

    it("after the headers: no alias with that answer; it follows once, when the browser brings the claim back", async () => {
      const page = get("/", (turn) => {
        act(turn);
        const stream = turn.stream();
        stream.write("part");
        if (turn.header("x-again") !== undefined) stream.end();
      });
      const shop = await openShop(mount, { options, routes: [page, silent] });
      const { browser, a } = await shop.visitor("/silent");
      browser.take(await browser.ask("/", { leave: true, headers: { "x-login": "bob" } }));
      expect(await shop.heard()).toEqual(["bob: Did"]);
      // The headers did arrive, so the browser holds the claim.
      expect(browser.claim).toBe(claimOf(a, "bob"));
      await browser.page("/", { "x-login": "bob", "x-again": "1" });
      await browser.page("/", { "x-login": "bob", "x-again": "1" });
      expect(await shop.aliases()).toEqual([`${a} = bob`]);
    });

    it("in the middle of a form: nothing is tied, and nothing thrown", async () => {
      const upload = post("/upload", async (turn) => {
        turn.km.identify("bob");
        turn.km.record("Uploading");
        turn.send((await turn.form()).name ?? "");
      });
      const shop = await openShop(mount, { options, routes: [upload, silent] });
      const { browser } = await shop.visitor("/silent");
      const headers = { ...formOf({}).headers, cookie: browser.cookie(), "content-length": "1000" };
      const request = http.request(`${shop.url}/upload`, { method: "POST", headers, agent: false });
      request.on("error", () => {});
      const arrived = once(shop.server, "request");
      request.write("name=half");
      await arrived;
      request.destroy();
      // Where the body is read before the handler is called, there is not even the command.
      expect((await shop.heard()).filter((line) => line !== "bob: Uploading")).toEqual([]);
      expect(shop.codes).toEqual([]);
    });
  });

  suite.describe("an answer that never ends", () => {
    const live = (routes = [silent]) => {
      const opened: Turn[] = [];
      const stream = get("/live", (turn) => {
        opened.push(turn);
        turn.km.record("Opened");
        turn.stream().write("open");
      });
      return openShop(mount, { routes: [stream, ...routes] }).then((shop) => ({ shop, opened }));
    };

    it("its commands leave within five seconds, also later ones", async () => {
      const { shop, opened } = await live();
      const { browser, a } = await shop.visitor("/silent");
      // Where the adapter runs in a sandbox with timers of its own, the five seconds pass in truth.
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
      onTestFinished(() => void vi.useRealTimers());
      const arrives = async (number: number, name: string) => {
        await vi.advanceTimersByTimeAsync(5000);
        await vi.waitFor(() => expect(shop.rec.commands[number]).toMatchObject({ name, identity: a }), { timeout: 5300, interval: 20 });
      };
      const socket = connect(shop, browser, "/live");
      await vi.waitFor(() => expect(opened).toHaveLength(1));
      await arrives(0, "Opened");
      opened[0]?.km.record("Tick");
      await arrives(1, "Tick");
      expect(shop.rec.commands).toHaveLength(2);
      expect(socket.destroyed).toBe(false);
      socket.destroy();
    });

    it("client.flush() does not wait for its end", async () => {
      const { shop } = await live();
      const socket = net.connect(shop.port, "localhost");
      socket.write("GET /live HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n");
      await once(socket, "data");
      await shop.rec.client.flush();
      expect(shop.rec.commands).toMatchObject([{ name: "Opened" }]);
      socket.destroy();
    });
  });

  it("what a first visitor did waits for the answer that may carry their cookie, whatever is flushed meanwhile", async () => {
    for (const shared of [true, false]) {
      const [entered, flushed] = [gate(), gate()];
      const page = get("/", async (turn) => {
        turn.km.record("Seen");
        entered.open();
        await flushed.promise;
        if (shared) turn.setHeader("cache-control", "public, max-age=60");
        turn.send("page");
      });
      const shop = await openShop(mount, { options, routes: [page] });
      const browser = shop.browser();
      const answer = browser.page("/");
      await entered.promise;
      await shop.rec.client.flush();
      expect(shop.rec.commands).toEqual([]);
      flushed.open();
      await answer;
      expect(await shop.heard()).toEqual(shared ? [] : [`${browser.anonymous}: Seen`]);
      expect(shop.codes).toEqual(shared ? ["KM_RESPONSE_CACHEABLE"] : []);
    }
  });

  it("a body that comes slowly is read whole, and its log in is tied", async () => {
    const login = post("/login", async (turn) => {
      turn.km.record("Asked");
      turn.km.identify((await turn.form()).name ?? "");
      turn.send(turn.km.identity);
    });
    const shop = await openShop(mount, { options, routes: [login, silent] });
    const { browser, a } = await shop.visitor("/silent");
    const headers = { ...formOf({}).headers, cookie: browser.cookie(), "content-length": "8" };
    const request = http.request(`${shop.url}/login`, { method: "POST", headers, agent: false });
    const arrived = once(shop.server, "request");
    const answered = once(request, "response");
    request.write("name");
    await arrived;
    await shop.browser().page("/silent");
    request.end("=bob");
    const [response] = (await answered) as [http.IncomingMessage];
    let text = "";
    for await (const chunk of response) text += chunk;
    expect([text, await shop.heard()]).toEqual(["bob", [`${a} = bob`, `${a}: Asked`]]);
  });
}
