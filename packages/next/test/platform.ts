import { type Client, createKm } from "@kmkit/core";
import { get, type Mount, openShop, type Receiver, seen, startReceiver } from "@kmkit/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

const torn = get("/torn", (turn) => {
  turn.km.record("Seen");
  throw new Error("on purpose");
});

/** What a platform is asked to wait for that stops the process after the answer. */
export function platform(mount: Mount, durable?: (url: string) => Client): void {
  describe("the platform is asked to wait", () => {
    for (const path of ["/seen", "/torn"]) {
      it(`for commands in memory until the collector has them (${path})`, async () => {
        receiver.mode("slow:300");
        const client = createKm({ url: receiver.url, key: "k" });
        const shop = await openShop(mount, { client, routes: [seen, torn] });
        await shop.browser().page(path);
        let over = false;
        const quiet = shop.quiet().then(() => {
          over = true;
        });
        await vi.waitFor(() => expect(receiver.commands).toHaveLength(1));
        expect(over).toBe(false);
        await quiet;
        expect(client.stats()).toMatchObject({ sent: 1, kept: 0, durable: false });
      });
    }

    if (durable !== undefined)
      it("for no commands that are on disk", async () => {
        await receiver.down();
        const client = durable(receiver.url);
        const shop = await openShop(mount, { client, routes: [seen] });
        await shop.browser().page("/seen");
        await shop.quiet();
        expect(client.stats()).toMatchObject({ sent: 0, kept: 1, durable: true });
      });
  });
}
