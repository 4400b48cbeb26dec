import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openChromium, withoutChromium } from "./chromium.ts";
import { type House, openHouse, type Program } from "./house.ts";
import { expectTwoPeople, type Walker, walk } from "./walk.ts";

/** The walk in a real browser. */
export function walkInChromium(program: Program): void {
  describe.skipIf(withoutChromium)("in Chromium", () => {
    let house: House;
    let browser: Browser;

    beforeAll(async () => {
      browser = await openChromium();
      house = await openHouse(program);
    });

    afterAll(async () => {
      await browser?.close();
      await house?.close();
    });

    test("bob signs up and pays, bill follows on the same browser, and the collector knows two people", async () => {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(error.message));

      await walk(inBrowser(page, house.shop));
      await expectTwoPeople(house);
      expect(complaints).toEqual([]);
    });
  });
}

function inBrowser(page: Page, shop: string): Walker {
  const click = (role: "link" | "button", name: string | RegExp) => page.getByRole(role, { name }).first().click();
  return {
    home: () => page.goto(shop),
    look: async (product) => {
      await page.locator(`.shelf a[href="/products/${product}"]`).click();
      await page.waitForURL(`**/products/${product}`);
    },
    addTwo: async () => {
      await page.getByLabel("Quantity").selectOption("2");
      await click("button", "Add to cart");
      await page.waitForURL("**/cart");
    },
    signUp: async (email, password) => {
      await click("link", "Check out");
      await page.waitForURL("**/login?next=**");
      await page.locator("main").getByRole("link", { name: "Join the club" }).click();
      // Both pages ask for an e-mail address: a shop that loads no new document may show the first one for a moment longer.
      await page.waitForURL("**/signup?next=**");
      await page.getByLabel("E-mail").fill(email);
      await page.getByLabel("Password").fill(password);
      await page.getByLabel("Name").fill("Bob");
      await page.getByLabel("Pro", { exact: false }).check();
      await click("button", "Join");
      await page.waitForURL("**/checkout");
    },
    pay: async () => {
      await click("button", "Pay € 158");
      await page.getByRole("heading", { name: "Thank you, Bob" }).waitFor();
    },
    logOut: async () => {
      await click("button", "Log out");
      await page.waitForURL(`${shop}/`);
    },
    logIn: async (email, password) => {
      await click("link", "Log in");
      await page.getByLabel("E-mail").fill(email);
      await page.getByLabel("Password").fill(password);
      await click("button", "Log in");
      await page.waitForURL(`${shop}/`);
    },
  };
}
