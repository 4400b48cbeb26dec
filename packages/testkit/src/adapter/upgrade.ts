import http, { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Km } from "@kmkit/core";
import { expect } from "vitest";
import { ask } from "./browser.ts";
import { told } from "./people.ts";
import { byHeader, gate, get, need, openShop, silent } from "./shop.ts";
import type { Suite } from "./suite.ts";

const handshake = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-key": "MDEyMzQ1Njc4OWFiY2RlZg==",
  "sec-websocket-version": "13",
};

/** Requests to upgrade, and response objects that are none. */
export function upgrade(suite: Suite): void {
  const { it, mount } = suite;
  const live = get("/live", (turn) => {
    turn.km.record("Connected");
    turn.send("no", 426);
  });
  const open = () => openShop(mount, { options: { identity: byHeader(mount) }, routes: [live, silent] });

  suite.describe("an upgrade request", () => {
    it("that nobody listens for is one like any other", async () => {
      const shop = await open();
      expect((await ask(`${shop.url}/live`, { headers: { ...handshake, "x-user": "bob" } })).status).toBe(426);
      expect([await shop.heard(), shop.codes]).toEqual([["bob: Connected"], []]);
    });

    it("that the app hands to the framework with a response of its own is recorded as well", async () => {
      const shop = await open();
      const { browser, a } = await shop.visitor("/silent");
      shop.server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
        const response = new ServerResponse(request);
        response.assignSocket(socket);
        response.on("finish", () => socket.end());
        shop.server.emit("request", request, response);
      });
      const headers = { ...handshake, cookie: browser.cookie() };
      expect((await ask(`${shop.url}/live`, { headers })).status).toBe(426);
      expect([await shop.heard(), shop.codes]).toEqual([[`${a}: Connected`], []]);
    });

    it("with an object in place of a response: km is there, its commands leave, nothing is thrown", async () => {
      const shop = await open();
      const { browser, a } = await shop.visitor("/silent");
      const { bare } = mount;
      const upgraded = gate<Km>();
      const connected = async (request: IncomingMessage) =>
        need(bare, "bare").call(mount, { client: shop.rec.client, identity: byHeader(mount) }, request, {});
      shop.server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
        upgraded.open(connected(request));
        socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      });
      const connect = async (headers: Record<string, string>) => {
        const request = http.request(`${shop.url}/live`, { headers: { ...handshake, ...headers }, agent: false });
        request.on("upgrade", (_response, socket: Socket) => socket.destroy());
        request.end();
        return upgraded.promise;
      };
      const km = await connect({ cookie: browser.cookie() });
      expect([km.identity, km.anonymous]).toEqual([a, true]);
      km.record("Connected");
      km.identify("bob");
      km.record("Said Hello");
      km.identify(null);
      expect(km.anonymous).toBe(true);
      await shop.quiet();
      // No answer carries a claim, so nothing is tied.
      expect(told(shop.rec.commands)).toEqual([`${a}: Connected`, "bob: Said Hello"]);
      expect(shop.codes).toEqual([]);
    });
  });
}
