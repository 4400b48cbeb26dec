import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { claimOf, type Receiver, startReceiver } from "@kmkit/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { directory, heard, type Launched, launch, quiet } from "./launch.ts";

const folder = join(import.meta.dirname, "pages");
let receiver: Receiver;
let server: Launched;
let build: string;
const outbox = directory();
beforeAll(async () => {
  receiver = await startReceiver();
  server = await launch({ folder, env: { KMKIT_URL: receiver.url, KMKIT_OUTBOX: outbox.path } });
  await quiet(server);
  build = readFileSync(join(folder, ".next/BUILD_ID"), "utf8");
});
afterAll(async () => {
  await server.end();
  await receiver.close();
  outbox.remove();
});
beforeEach(async () => {
  await quiet(server);
  receiver.clear();
});

const seenIn = (html: string) => /id="seen"[^>]*>([^<]*)/.exec(html)?.[1];
const names = (lines: readonly string[]) => lines.map((line) => line.split(";")[0]?.replace(/^(km_\w+)=.*/, "$1"));
/** What the Pages Router's client asks for instead of a page. */
const data = (path: string) => `/_next/data/${build}${path}.json`;
const byScript = { "x-nextjs-data": "1" };

async function known() {
  const browser = server.browser();
  await browser.page("/still");
  await quiet(server);
  receiver.clear();
  return { browser, a: browser.anonymous };
}

describe("pages", () => {
  it("one visitor through the proxy, a page of the request, an API route and a route handler of the App Router", async () => {
    const browser = server.browser();
    const answer = await browser.page("/shop");
    const a = browser.anonymous;
    expect([answer.status, seenIn(answer.text), answer.ours.length, browser.claim]).toEqual([200, a, 2, "-"]);
    expect(answer.headers["cache-control"]).toBe("private, no-store");
    const rated = await browser.call("/api/rate", {}, "POST");
    expect([JSON.parse(rated.text).identity, rated.ours]).toEqual([a, []]);
    expect(JSON.parse((await browser.call("/api/count/7", {}, "POST")).text).identity).toBe(a);
    const again = await browser.page("/shop");
    expect([seenIn(again.text), again.ours]).toEqual([a, []]);
    expect(await heard(server, receiver)).toEqual([`${a}: Viewed Shop`, `${a}: Rated`, `${a}: Asked`, `${a}: Viewed Shop`]);
  });

  it.each(["/still", "/made", "/bare"])("%s, which records nothing, carries our cookies on the first visit", async (path) => {
    const browser = server.browser();
    const answer = await browser.page(path);
    expect([answer.status, answer.ours.length, answer.headers["cache-control"]]).toEqual([200, 2, "private, no-store"]);
    const again = await browser.page(path);
    expect([again.ours, again.headers["cache-control"] === "private, no-store"]).toEqual([[], false]);
    expect(await heard(server, receiver)).toEqual([]);
  });

  it("and to whoever asks for it without wanting a page, none", async () => {
    for (const kind of ["call", "image"] as const) expect((await server.browser().ask("/made", {}, kind)).ours).toEqual([]);
    const { browser } = await known();
    const stale = await browser.page("/made");
    expect([stale.ours, stale.headers["cache-control"]]).toEqual([[], "s-maxage=60, stale-while-revalidate=31535940"]);
  });
});

describe("_next/data", () => {
  it("a client-side navigation to a page of the request counts, for the same visitor, and says so in its answer", async () => {
    const { browser, a } = await known();
    const answer = await browser.call(data("/shop"), byScript);
    expect([JSON.parse(answer.text).pageProps.identity, answer.ours]).toEqual([a, []]);
    expect(await heard(server, receiver)).toEqual([`${a}: Viewed Shop`]);
  });

  it.each(["/made", "/bare"])("for %s makes nobody and says nothing", async (path) => {
    const answer = await server.browser().call(data(path), byScript);
    expect([answer.status, answer.cookies, Object.keys(JSON.parse(answer.text).pageProps)]).toEqual([200, [], ["at"]]);
    expect(await heard(server, receiver)).toEqual([]);
  });

  it("a prefetch makes nobody, and nothing is recorded", async () => {
    for (const headers of [{ "x-middleware-prefetch": "1" }, { purpose: "prefetch" }, { "sec-purpose": "prefetch" }]) {
      for (const path of ["/shop", "/made"])
        expect((await server.browser().call(data(path), { ...byScript, ...headers })).cookies).toEqual([]);
    }
    const { browser } = await known();
    await browser.call(data("/shop"), { ...byScript, purpose: "prefetch" });
    expect(await heard(server, receiver)).toEqual([]);
  });

  it("redirect and notFound in it", async () => {
    const { browser, a } = await known();
    const away = await browser.call(`${data("/shop")}?how=redirect`, byScript);
    expect([away.status, JSON.parse(away.text).pageProps.__N_REDIRECT]).toEqual([200, "/still"]);
    expect((await browser.call(`${data("/shop")}?how=missing`, byScript)).status).toBe(404);
    expect(await heard(server, receiver)).toEqual([`${a}: Viewed Shop`, `${a}: Viewed Shop`]);
  });
});

describe("how getServerSideProps ends", () => {
  it.each([
    ["redirect", 307],
    ["missing", 404],
    ["throw", 500],
  ])("%s: the command is kept, and so is the visitor", async (how, status) => {
    const browser = server.browser();
    const answer = await browser.page(`/shop?how=${how}`);
    expect([answer.status, answer.ours.length]).toEqual([status, 2]);
    const a = browser.anonymous;
    expect((await browser.page("/shop")).ours).toEqual([]);
    expect(await heard(server, receiver)).toEqual([`${a}: Viewed Shop`, `${a}: Viewed Shop`]);
  });

  it("its own cookies, set before and after, stand beside ours", async () => {
    const answer = await server.browser().page("/shop?how=cookies");
    expect(names(answer.cookies)).toEqual(["before=1", "raw=2", "after=3", "km_ai", "km_claim"]);
    const over = await server.browser().page("/shop?how=overwrite");
    expect(names(over.cookies)).toEqual(["over=4", "km_ai", "km_claim"]);
  });

  it("a page that says itself that everybody may have it is not shared where it carries our cookies", async () => {
    const browser = server.browser();
    const first = await browser.page("/shop?how=cache");
    expect([first.ours.length, first.headers["cache-control"]]).toEqual([2, "private, no-store"]);
    const again = await browser.page("/shop?how=cache");
    expect([again.ours, again.headers["cache-control"]]).toEqual([[], "public, s-maxage=60"]);
  });

  it("logs in: claimed by the page that asks next", async () => {
    const { browser, a } = await known();
    await browser.page("/shop?user=bob");
    await browser.page("/shop");
    expect(browser.claim).toBe(claimOf(a, "bob"));
    expect(await heard(server, receiver)).toEqual([`${a}: Viewed Shop`, `${a} = bob`, "bob: Viewed Shop"]);
  });
});

describe("API routes", () => {
  it("a first visitor gets both cookies, whatever the route sets, by whatever means", async () => {
    for (const [how, own] of [
      ["cookies", ["before=1", "raw=2", "after=3"]],
      ["overwrite", ["over=4"]],
      ["raw", ["raw=2"]],
      ["throw", []],
      ["redirect", []],
    ] as const) {
      const answer = await server.browser().call(`/api/rate?how=${how}`, {}, "POST");
      expect([how, names(answer.cookies)]).toEqual([how, [...own, "km_ai", "km_claim"]]);
    }
    expect((await heard(server, receiver)).map((line) => line.slice(36))).toEqual(Array.from({ length: 5 }, () => ": Rated"));
  });

  it("answers as the route says: a status of its own, an error, a redirect", async () => {
    const { browser } = await known();
    const statuses = [];
    for (const how of ["raw", "throw", "redirect"]) statuses.push((await browser.call(`/api/rate?how=${how}`, {}, "POST")).status);
    expect(statuses).toEqual([201, 500, 303]);
  });

  it("log in, log out, somebody else", async () => {
    const { browser, a } = await known();
    await browser.call("/api/rate?user=bob", {}, "POST");
    expect(browser.claim).toBe(claimOf(a, "bob"));
    expect(seenIn((await browser.page("/shop")).text)).toBe("bob");
    await browser.form("/api/rate?user=");
    const b = browser.anonymous;
    expect([a === b, browser.claim]).toEqual([false, "-"]);
    expect(seenIn((await browser.page("/shop")).text)).toBe(b);
    await browser.form("/api/rate?user=bill");
    expect([browser.anonymous, browser.claim]).toEqual([b, claimOf(b, "bill")]);
    expect(await heard(server, receiver)).toEqual([
      ...[`${a} = bob`, `${a}: Rated`, "bob: Logged In", "bob: Viewed Shop"],
      ...["bob: Rated", `${b}: Logged Out`, `${b}: Viewed Shop`],
      ...[`${b} = bill`, `${b}: Rated`, "bill: Logged In"],
    ]);
  });

  it("what comes after the headers is recorded", async () => {
    const { browser, a } = await known();
    expect((await browser.call("/api/rate?how=begun", {}, "POST")).text).toBe("begun");
    expect(await heard(server, receiver)).toEqual([`${a}: Rated`, `${a}: Too Late For Cookies`]);
  });

  it("the client leaves in mid-answer: recorded, and a log in is tied only when the browser has brought its claim", async () => {
    const { browser, a } = await known();
    await browser.ask("/api/slow", { method: "POST", leave: true }, "call");
    expect(await heard(server, receiver)).toEqual([`${a}: Began`, `${a}: Went On`]);
    receiver.clear();
    // It has the headers, and with them the cookies.
    browser.take(await browser.ask("/api/slow?user=bob", { method: "POST", leave: true }, "call"));
    expect(browser.claim).toBe(claimOf(a, "bob"));
    expect(await heard(server, receiver)).toEqual(["bob: Began", "bob: Went On"]);
    await browser.page("/shop");
    expect(await heard(server, receiver)).toEqual(["bob: Began", "bob: Went On", `${a} = bob`, "bob: Viewed Shop"]);
  });
});

it("what browsers get holds nothing of ours", () => {
  const files = (under: string) =>
    readdirSync(join(folder, ".next", under), { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile() && /\.(js|json|html)$/.test(one.name))
      .map((one) => readFileSync(join(one.parentPath, one.name), "utf8"))
      .join("\n");
  const ours = /kmkit|km_ai|KM_[A-Z]+_|http\.server\.request\.start/;
  expect(files("server")).toMatch(ours);
  expect(files("static")).toContain("data-whole");
  expect(files("static")).not.toMatch(ours);
});

it("said nothing in all this", () => {
  expect(server.log()).not.toMatch(/kmkit|KM_/);
});
