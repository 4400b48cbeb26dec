import type { Recorder } from "@kmkit/next";
import { openChromium, withoutChromium } from "@kmkit/shop/suite";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { close, recorder, startAnew, url } from "./app.ts";

describe.skipIf(withoutChromium)("with JavaScript", () => {
  let browser: Awaited<ReturnType<typeof openChromium>>;
  let rec: Recorder;
  let page: Awaited<ReturnType<typeof browser.newPage>>;
  let complaints: string[];

  beforeAll(async () => {
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser.close();
    await close();
  });
  beforeEach(async () => {
    rec = recorder();
    startAnew(rec.client);
    page = await browser.newPage();
    complaints = [];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
  });

  /** By their time: the page that an action leads to is over before the action's own answer is. */
  const inOrder = () => rec.commands.toSorted((a, b) => a.time - b.time).filter((command) => command.type === "record");
  const recorded = () => inOrder().map(({ name }) => name);

  test("the cart changes without loading a page, and what is added is recorded once", async () => {
    await page.goto(`${url}/products/pebble`);
    await page.getByRole("button", { name: "Add to cart" }).click();
    await page.waitForURL("**/cart");
    const loads: string[] = [];
    page.on("request", (request) => request.isNavigationRequest() && loads.push(request.url()));

    await page.getByRole("button", { name: "One more" }).click();
    await page.getByText("2 × € 79").waitFor();
    expect(await page.locator(".total dd").textContent()).toBe("€ 158");
    expect(await page.locator(".count").textContent()).toContain("2");
    await page.getByRole("button", { name: "One less" }).click();
    await page.getByText("1 × € 79").waitFor();
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("heading", { name: "Your cart is empty" }).waitFor();

    await page.getByRole("link", { name: "Look at the lamps" }).click();
    await page.getByRole("heading", { name: "All lamps" }).waitFor();
    await vi.waitFor(() => expect(recorded()).toEqual(["Viewed Product", "Added To Cart", "Added To Cart", "Viewed Homepage"]));
    expect(new Set(rec.commands.map(({ identity }) => identity)).size).toBe(1);
    expect(loads).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("a form that comes back keeps what was filled in, and records nothing", async () => {
    await page.goto(`${url}/signup`);
    await page.getByLabel("E-mail").fill("bob");
    await page.getByLabel("Password").fill("correct horse");
    await page.getByLabel("Gender").selectOption("Non-binary");
    await page.getByLabel("Pro", { exact: false }).check();
    await page.getByRole("button", { name: "Join" }).click();
    await page.getByRole("alert").getByText("Enter an e-mail address like bob@bob.com.").waitFor();
    expect(await page.getByLabel("E-mail").inputValue()).toBe("bob");
    expect(await page.getByLabel("Password").inputValue()).toBe("");
    expect(await page.getByLabel("Gender").inputValue()).toBe("Non-binary");
    expect(await page.getByLabel("Pro", { exact: false }).isChecked()).toBe(true);

    await page.getByRole("link", { name: "Lamps", exact: true }).click();
    await page.getByRole("heading", { name: "All lamps" }).waitFor();
    await vi.waitFor(() => expect(recorded()).toEqual(["Viewed Homepage"]));
    expect(complaints).toEqual([]);
  });

  test("after a log out the page shows who the visitor is from now on, as the browser's cookie has it", async () => {
    const identity = async () => (await page.context().cookies()).find(({ name }) => name === "km_ai")?.value ?? "";
    await page.goto(`${url}/login`);
    const first = await identity();
    await page.getByLabel("E-mail").fill("bill@bob.com");
    await page.getByLabel("Password").fill("demo-shop");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("To kmkit you are bill@bob.com").waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByText("(anonymous)").waitFor();
    const second = await identity();
    expect(second).not.toBe(first);
    expect(await page.locator(".foot code").first().textContent()).toBe(`…${second.slice(-8)}`);

    await vi.waitFor(() => expect(recorded()).toEqual(["Logged In", "Viewed Homepage", "Logged Out", "Viewed Homepage"]));
    expect(inOrder().map(({ identity }) => identity)).toEqual(["bill@bob.com", "bill@bob.com", "bill@bob.com", second]);
    expect(rec.commands.filter(({ type }) => type === "alias")).toMatchObject([{ identity: first, alias: "bill@bob.com" }]);
  });

  test("an unknown lamp is dark, and nothing breaks", async () => {
    await page.goto(`${url}/products/nothing`);
    await page.getByRole("heading", { name: "It is dark in here" }).waitFor();
    expect(complaints).toEqual([expect.stringContaining("404")]);
  });
});
