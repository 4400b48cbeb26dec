import { canonicalName, KmError } from "@kmkit/core";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { type Filter, type FilterTexts, filterOf, passes } from "../src/live/filter.ts";
import { Inbox } from "../src/live/inbox.ts";
import { Listener } from "../src/live/listener.ts";
import { Recent } from "../src/live/recent.ts";
import type { Shown } from "../src/live/shown.ts";

const filter = (texts: FilterTexts): Filter => {
  const made = filterOf(texts);
  if (made instanceof KmError) throw made;
  return made;
};
const shows = (texts: FilterTexts, shown: Partial<Shown>, theirs: readonly string[] = texts.person ?? []) =>
  passes(filter(texts), { received: 1, ...shown }, (identity) => theirs.includes(identity));

/** Few letters, so that names meet; all that is folded away, and an equals sign. */
const name = fc.string({ unit: fc.constantFrom("a", "A", "b", ",", ":", " ", "=", "É"), minLength: 1, maxLength: 4 });
const properName = name.filter((text) => canonicalName(text) !== "");
const value = fc.oneof(fc.constantFrom<string | number | boolean>("a", "A", "=a", "", 1, 1.5, true), fc.string({ maxLength: 2 }));
const properties = fc.dictionary(properName, value, { maxKeys: 3, noNullPrototype: true });

describe("a filter", () => {
  it("lets everything pass where it says nothing", () => {
    fc.assert(
      fc.property(fc.option(properName, { nil: undefined }), properties, (name, properties) =>
        shows({}, { ...(name && { name }), properties }),
      ),
    );
  });

  it("of events compares names as the store does", () => {
    fc.assert(
      fc.property(properName, fc.array(properName, { minLength: 1, maxLength: 3 }), (name, event) => {
        expect(shows({ event }, { name })).toBe(event.some((one) => canonicalName(one) === canonicalName(name)));
      }),
    );
    expect(shows({ event: ["a"] }, { properties: { a: 1 } })).toBe(false);
  });

  it("of properties finds every property by its name, and by its name and value, whatever stands in either", () => {
    fc.assert(
      fc.property(properties, properName, (given, recased) => {
        for (const [one, value] of Object.entries(given)) {
          expect(shows({ property: [one.toUpperCase()] }, { properties: given })).toBe(true);
          // Of properties that are one the last counts.
          const last = Object.entries(given).findLast(([other]) => canonicalName(other) === canonicalName(one));
          expect(shows({ property: [`${one}=${last?.[1]}`] }, { properties: given })).toBe(true);
          expect(shows({ property: ["nonsense", `${one}=${value}`], event: [recased] }, { properties: given, name: recased })).toBe(
            shows({ property: [`${one}=${value}`] }, { properties: given }),
          );
        }
      }),
    );
  });

  it("of properties lets nothing else pass", () => {
    fc.assert(
      fc.property(properties, fc.tuple(properName, value), (given, [name, value]) => {
        const text = `${name}=${value}`;
        const entries = new Map(Object.entries(given).map(([one, value]) => [canonicalName(one), String(value)]));
        const meant = [...entries].some(
          ([one, has]) =>
            one === canonicalName(text) ||
            [...text].some((c, at) => c === "=" && canonicalName(text.slice(0, at)) === one && text.slice(at + 1) === has),
        );
        expect(shows({ property: [text] }, { properties: given })).toBe(meant);
      }),
    );
    expect(shows({ property: ["Plan=Pro"] }, { properties: { plan: "pro" } })).toBe(false);
    expect(shows({ property: ["Plan"] }, { name: "Plan" })).toBe(false);
  });

  it("of people looks at both identities of an alias, and of all kinds together all must hold", () => {
    expect(shows({ person: ["bob"] }, { type: "alias", identity: "a", alias: "bob" })).toBe(true);
    expect(shows({ person: ["bob"] }, { type: "alias", identity: "bob", alias: "a" })).toBe(true);
    expect(shows({ person: ["bob"] }, { identity: "bobby" })).toBe(false);
    expect(shows({ person: ["bob"] }, {})).toBe(false);
    expect(shows({ person: ["bob"], event: ["x"] }, { identity: "bob", name: "y" })).toBe(false);
    expect(shows({ person: ["bob", "eve"], event: ["x", "y"] }, { identity: "eve", name: "Y" })).toBe(true);
  });
});

describe("what waits to be shown", () => {
  const arrive = (inbox: Inbox, product: number, commands: readonly unknown[]) =>
    inbox.put({ product, received: 1, commands, refused: [] });

  it("is handed out in order, a product at a time, and goes on where the taker stopped", () => {
    const inbox = new Inbox();
    arrive(inbox, 1, ["a", "b"]);
    arrive(inbox, 1, ["c"]);
    arrive(inbox, 2, ["d"]);
    const taken: unknown[] = [];
    while (inbox.next !== undefined)
      for (const { given, place } of inbox.take(inbox.next)) {
        taken.push(`${given}${place}`);
        if (taken.length % 2 === 1) break;
      }
    expect(taken).toEqual(["a1", "b1", "c2", "d3"]);
    expect(inbox.next).toBeUndefined();
  });

  it("says of each what it was refused for", () => {
    const inbox = new Inbox();
    const refused = [
      { index: 0, code: "KM_A", message: "a" },
      { index: 2, code: "KM_B", message: "b" },
    ];
    inbox.put({ product: 1, received: 1, commands: ["a", "b", "c"], refused });
    expect([...inbox.take(1)].map((one) => one.refused?.code)).toEqual(["KM_A", undefined, "KM_B"]);
  });

  it("is bounded: what does not fit is counted by its product, and there is room again when some was taken", () => {
    const inbox = new Inbox();
    const large = ["x".repeat(5 << 20), "y"];
    for (const product of [1, 1, 1, 1, 2, 1]) arrive(inbox, product, large);
    expect(inbox.takeMissed()).toEqual(
      new Map([
        [1, 2],
        [2, 2],
      ]),
    );
    expect(inbox.takeMissed()).toEqual(new Map());
    expect([...inbox.take(1)]).toHaveLength(8);
    arrive(inbox, 2, large);
    expect(inbox.takeMissed()).toEqual(new Map());
  });
});

describe("a listener", () => {
  const everything = filter({});
  const made = () => {
    const said: string[] = [];
    const reader = { may: () => true, cut: () => void said.push("cut") };
    const on = { end: () => said.push("end"), over: () => said.push("over") };
    return { said, listener: new Listener(1, everything, 0, reader, on) };
  };
  const chunk = "x".repeat(64 << 10);

  it("that does not read is dropped when 8 MB wait for it; they are let go of, and its connection is cut when it does not read on", async () => {
    vi.useFakeTimers();
    try {
      const { listener, said } = made();
      for (let n = 0; n < 128; n++) listener.send(chunk);
      expect([listener.open, said]).toEqual([true, []]);
      for (let n = 0; n < 1000; n++) listener.send(chunk);
      expect([listener.open, said]).toEqual([false, ["end"]]);
      await vi.advanceTimersByTimeAsync(5000);
      expect(said).toEqual(["end", "cut", "over"]);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("that reads on in time gets the last event, and the end", async () => {
    const { listener, said } = made();
    for (let n = 0; n < 1000; n++) listener.send(chunk);
    const text = await new Response(listener.stream).text();
    expect(text).toMatch(/^event: end\ndata: \{"code":"KM_LISTENER_SLOW",.*\}\n\n$/);
    expect(said).toEqual(["end", "over"]);
  });

  it("that goes away is over at once, once", async () => {
    const { listener, said } = made();
    const reader = listener.stream.getReader();
    listener.send("a");
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("a");
    await reader.cancel();
    listener.send("b");
    listener.end(new KmError("KM_COLLECTOR_CLOSING"), 1);
    expect(said).toEqual(["end", "over"]);
  });
});

it("retries are known for tens of thousands of commands, and what is remembered is bounded", () => {
  const recent = new Recent();
  let wrong = 0;
  for (let n = 0; n < 100_000; n++) {
    if (!recent.add(1, `id-${n}`, "bob")) wrong += 1;
    if (n >= 30_000 && recent.add(1, `id-${n - 29_999}`, "bob")) wrong += 1;
  }
  expect(wrong).toBe(0);
  expect(recent.add(1, "id-1", "bob")).toBe(true);
  expect(recent.add(2, "id-99999", "bob")).toBe(true);
});
