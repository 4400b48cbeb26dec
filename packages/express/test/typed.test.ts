import { compile } from "@kmkit/testkit";
import { describe, expect, it } from "vitest";

const events = `declare global {
  namespace Kmkit {
    interface Events {
      "Signed Up": { Plan: "Free" | "Pro" };
      Paid: { Amount: number; Items?: number };
      Searched: { Words?: string };
      "Cart Changed": { Added: string } | { Removed: string };
      "Logged Out": null;
      "Logged In": {};
    }
    interface PersonProperties {
      Plan: "Free" | "Pro";
      Gender: string;
    }
  }
}
export {};
`;
const app = `import { createServer } from "node:http";
import { createKm, type Km, km } from "@kmkit/express";
const middleware = km();
createServer((req, res) => middleware(req, res, () => {}));
export const visitor: Km = createKm({ outbox: false }).as("bob@bob.com");
`;
/** The app with these lines, and with the events above. */
const typed = (lines: string, options: Parameters<typeof compile>[1] = {}) =>
  compile({ "events.ts": events, "app.ts": app, "more.ts": `import { visitor } from "./app.js";\n${lines}` }, options);

describe("a project that declares its events", () => {
  it("may say what it has declared", async () => {
    const lines = `
      visitor.record("Signed Up", { Plan: "Pro" });
      visitor.record("Signed Up", { Plan: "Pro" }, { id: "evt_1", time: new Date() });
      visitor.record("Paid", { Amount: 1 });
      visitor.record("Paid", { Amount: 1, Items: 2 });
      visitor.record("Searched");
      visitor.record("Searched", {});
      visitor.record("Searched", { Words: "pebble" });
      visitor.record("Searched", undefined, { time: 1 });
      visitor.record("Cart Changed", { Added: "Pebble" });
      visitor.record("Cart Changed", { Removed: "Pebble" });
      visitor.record("Logged Out");
      visitor.record("Logged Out", {}, { id: "x" });
      visitor.record("Logged In");
      visitor.record({ Plan: "Free" });
      visitor.record({});
      visitor.set({ Gender: "female" });
      visitor.set({ Plan: "Free", Gender: "female" });
      const properties: Kmkit.Events["Paid"] = { Amount: 1 };
      visitor.record("Paid", properties);
      const either = Math.random() > 0.5 ? "Logged In" : "Logged Out";
      visitor.record(either);
      visitor.identify("bob");
      visitor.alias("bob", "bill");`;
    expect(await typed(lines)).toEqual([]);
    expect(await typed(lines, { options: ["--exactOptionalPropertyTypes", "false"] })).toEqual([]);
  });

  it("and nothing else, whichever adapter or job says it", async () => {
    const wrong = [
      `visitor.record("Sigend Up", { Plan: "Pro" });`,
      `visitor.record("Sigend Up");`,
      `visitor.record("Signed Up", { Plan: "Gold" });`,
      `visitor.record("Signed Up", { Plan: 1 });`,
      `visitor.record("Signed Up", {});`,
      `visitor.record("Signed Up");`,
      `visitor.record("Signed Up", { Plan: "Pro", Plann: "Pro" });`,
      `visitor.record("Signed Up", { Plan: "Pro" }, { when: 1 });`,
      `visitor.record("Paid", { Items: 2 });`,
      `visitor.record("Paid", { Amount: 1, Items: undefined });`,
      `visitor.record("Searched", { Word: "pebble" });`,
      `visitor.record("Cart Changed", {});`,
      `visitor.record("Logged Out", { Plan: "Pro" });`,
      `visitor.record("Logged In", { Plan: "Pro" });`,
      `visitor.record("Paid" as string, { Amount: 1 });`,
      `visitor.record({ Plann: "Free" });`,
      `visitor.record({ Plan: "Gold" });`,
      `visitor.record(42);`,
      `visitor.set({ Gender: 1 });`,
      `visitor.set({ Gendre: "female" });`,
      `visitor.set({ Gender: undefined });`,
    ];
    const complaints = await typed(wrong.join("\n"));
    expect(complaints.map((line) => line.slice(0, line.indexOf(":")))).toEqual(wrong.map((_, index) => `more.ts(${index + 2})`));
    const lines = wrong.map((line) => `// @ts-expect-error\n${line}`).join("\n");
    expect(await typed(lines)).toEqual([]);
  });

  it("is told what the name should have been, and which property is wrong", async () => {
    const [name, value, missing, extra] = await typed(`
      visitor.record("Sigend Up", { Plan: "Pro" });
      visitor.record("Signed Up", { Plan: "Gold" });
      visitor.record("Paid", {});
      visitor.set({ Gendre: "female" });`);
    expect(name).toMatch(/"Sigend Up".*not assignable.*"Signed Up"/);
    expect(value).toMatch(/"Gold".*not assignable.*"Free" \| "Pro"/);
    expect(missing).toMatch(/Property 'Amount' is missing/);
    expect(extra).toMatch(/'Gendre' does not exist.*Did you mean.*Gender/);
  });

  it("has req.km typed, with Express's own types", async () => {
    const lines = `import express from "express";
      import { km, recorder } from "@kmkit/express";
      express().use(km(recorder().client)).post("/", (req) => {
        req.km.record("Paid", { Amount: 1 });
        // @ts-expect-error
        req.km.record("Payed", { Amount: 1 });
      });`;
    const packages = ["@kmkit/express", "@types/node", "@types/express"];
    expect(await compile({ "events.d.ts": events, "app.ts": lines }, { packages, options: ["--skipLibCheck"] })).toEqual([]);
  });

  it("may leave the rest open, or declare only one of the two", async () => {
    const open = events.replace(`"Logged In": {};`, `"Logged In": {};\n [name: string]: null | Record<string, unknown>;`);
    const free = `
      visitor.record("Anything", { at: "all" });
      visitor.record("Anything");
      visitor.record("Paid", { Amount: 1 });
      // @ts-expect-error
      visitor.record("Paid", { Amount: "1" });`;
    expect(await compile({ "events.ts": open, "app.ts": app + free })).toEqual([]);
    const onlyEvents = `declare global { namespace Kmkit { interface Events { Paid: { Amount: number } } } }
      visitor.set({ any: "thing" });
      visitor.record({ any: "thing" });
      // @ts-expect-error
      visitor.record("Payed");`;
    expect(await compile({ "app.ts": app + onlyEvents })).toEqual([]);
    const onlyPerson = `declare global { namespace Kmkit { interface PersonProperties { Plan: string } } }
      visitor.record("Any Thing", { at: "all" });
      // @ts-expect-error
      visitor.set({ any: "thing" });`;
    expect(await compile({ "app.ts": app + onlyPerson })).toEqual([]);
  });
});

describe("a project that declares nothing", () => {
  it("keeps plain strings and any properties", async () => {
    const lines = `
      interface Address { city: string; street?: string | undefined }
      const address: Address = { city: "Bern", street: undefined };
      const name: string = "Signed " + "Up";
      visitor.record(name);
      visitor.record(name, undefined, { time: "2026-01-01" });
      visitor.record("Sigend Up", { Plan: "Gold", nested: { a: 1 }, address, nothing: undefined, nil: null });
      visitor.record({ Plan: 1 });
      visitor.set({ anything: true });
      const fake: Pick<typeof visitor, "record" | "set"> = { record() {}, set() {} };
      fake.record("Any Thing", { at: "all" });
      // @ts-expect-error
      visitor.record(42);
      // @ts-expect-error
      visitor.record("Signed Up", "Pro");
      // @ts-expect-error
      visitor.record("Signed Up", {}, { when: 1 });`;
    expect(await compile({ "app.ts": app + lines })).toEqual([]);
    expect(await compile({ "app.ts": app + lines }, { options: ["--exactOptionalPropertyTypes", "false"] })).toEqual([]);
  });
});
