import { byHeader, claimOf, get, type Mount, openShop, post, type Shop, silent, type Turn } from "@kmkit/testkit";
import { describe, expect, it } from "vitest";
import { navigation } from "./mount.ts";

/** What the handler throws to Next, and with what that answers. */
const ways: Readonly<Record<string, readonly [number, () => never]>> = {
  "redirect()": [307, () => navigation().redirect("/silent")],
  "permanentRedirect()": [308, () => navigation().permanentRedirect("/silent")],
  "notFound()": [404, () => navigation().notFound()],
  "an error": [
    500,
    () => {
      throw new Error("on purpose");
    },
  ],
};

/** Answers that Next makes itself, since the handler has thrown. Our cookies reach all of them on Node; `barren` are those which take no cookies along. */
export function thrown(mount: Mount, barren: Readonly<Record<string, readonly string[]>>): void {
  describe("an answer that Next makes, since the handler has thrown", () => {
    for (const [way, [status, work]] of Object.entries(ways)) {
      const carries = (method: string) => barren[way]?.includes(method) !== true;
      const open = (): Promise<Shop> => {
        const act = (turn: Turn) => {
          turn.cookie("theme", "dark");
          const name = turn.header("x-login");
          if (name !== undefined) turn.km.identify(name);
          turn.km.record("Did");
          work();
        };
        return openShop(mount, { options: { identity: byHeader(mount) }, routes: [get("/", act), post("/", act), silent] });
      };

      it(`by ${way}: a first visitor has cookies at the latest after the next page`, async () => {
        const shop = await open();
        const browser = shop.browser();
        const answer = await browser.page("/");
        expect([answer.status, answer.ours.length]).toEqual([status, carries("GET") ? 2 : 0]);
        // The app's own cookie goes where ours goes, or less far.
        if (status < 400) expect(answer.cookies.map((line) => line.split("=")[0])).toContain("theme");
        const heard = await shop.heard();
        expect(heard.map((line) => line.split(": ")[1])).toEqual(["Did"]);
        await browser.page("/silent");
        if (carries("GET")) expect(heard).toEqual([`${browser.anonymous}: Did`]);
        else expect(browser.anonymous).not.toBe("");
      });

      it(`by ${way}: a log in is tied once, at the latest by the next page`, async () => {
        for (const method of ["GET", "HEAD", "POST"]) {
          const shop = await open();
          const { browser, a } = await shop.visitor("/silent");
          const answer = await browser.call("/", { "x-login": "bob" }, method);
          const bob = [`${a} = bob`, "bob: Did"];
          expect([method, answer.status, browser.claim]).toEqual([method, status, carries(method) ? claimOf(a, "bob") : "-"]);
          expect([await shop.heard(), shop.codes]).toEqual([bob.slice(carries(method) ? 0 : 1), []]);
          await browser.page("/silent", { "x-user": "bob" });
          expect([browser.anonymous, browser.claim]).toEqual([a, claimOf(a, "bob")]);
          expect((await shop.heard()).sort()).toEqual(bob);
        }
      });
    }

    it("by redirect(), to a form: 303, carries the log in", async () => {
      const login = post("/login", async (turn) => {
        turn.km.identify((await turn.form()).name ?? "");
        turn.redirect("/silent");
      });
      const shop = await openShop(mount, { options: { identity: () => undefined }, routes: [login, silent] });
      const { browser, a } = await shop.visitor("/silent");
      expect((await browser.form("/login", { name: "bob" })).status).toBe(303);
      expect([browser.claim, await shop.heard()]).toEqual([claimOf(a, "bob"), [`${a} = bob`]]);
    });
  });
}
