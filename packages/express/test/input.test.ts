import { derive, type KmCode } from "@kmkit/core";
import express, { type Request } from "express";
import { describe, expect, it } from "vitest";
import { km } from "../src/index.ts";
import { open, type Shop } from "./shop.ts";

/** A shop whose page does `work` between two good commands. */
const shopOf = (work: (req: Request) => unknown): Promise<Shop> =>
  open(express, (app, rec) => {
    app.use(km({ client: rec.client, identity: () => "bob" }));
    app.get("/", (req, res) => {
      req.km.record("Before", { n: 1 });
      work(req);
      req.km.record("After", { n: 2 });
      res.send("hi");
    });
  });

/** What became of the work: the commands between the good ones, which must be there, and the codes. */
async function outcome(work: (req: Request) => unknown) {
  const shop = await shopOf(work);
  const answer = await shop.browser().call("/");
  expect([answer.status, answer.text]).toEqual([200, "hi"]);
  await shop.quiet();
  const { commands } = shop.rec;
  expect(commands[0]).toMatchObject({ type: "record", name: "Before", identity: "bob", properties: { n: 1 } });
  expect(commands.at(-1)).toMatchObject({ type: "record", name: "After", identity: "bob", properties: { n: 2 } });
  return { between: commands.slice(1, -1), codes: shop.codes, details: shop.rec.errors.map((error) => error.detail), shop };
}

const any = (value: unknown) => value as never;

describe("what the app hands in", () => {
  it("O3: odd values cost themselves alone; values are those of the moment of the call", async () => {
    const paid: Record<string, unknown> = {
      ok: 1,
      big: 9007199254740993n,
      nul: "a\u0000b",
      when: new Date(Number.NaN),
      get boom() {
        throw new Error("on purpose");
      },
      proto: JSON.parse('{"__proto__":{"x":1}}'),
    };
    paid.self = paid;
    const { between, codes, details } = await outcome((req) => {
      req.km.record("Paid", paid);
      paid.ok = 2;
      paid.nul = "changed";
    });
    expect(between).toHaveLength(1);
    expect(between[0]).toMatchObject({ type: "record", name: "Paid" });
    const properties = { ok: 1, big: "9007199254740993", nul: "a\u0000b", "proto.__proto__.x": 1 };
    expect((between[0] as { properties: unknown }).properties).toEqual(properties);
    expect(codes).toEqual(["KM_PROPERTY_INVALID", "KM_PROPERTY_INVALID", "KM_PROPERTY_INVALID"]);
    expect(details.map((detail) => detail?.split(":")[0]).sort()).toEqual(["boom", "self", "when"]);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  describe("names of events", () => {
    const kept: [string, string, string, KmCode[]][] = [
      ["plain", "Signed Up", "Signed Up", []],
      ["commas and colons", " A:b,c ", "A b c", []],
      ["NUL", "a\u0000b", "a\u0000b", []],
      ["a lone surrogate", "a\ud800b", "a\ufffdb", []],
      ["a right-to-left mark", "\u200fשלום", "\u200fשלום", []],
      ["emoji", "🐈‍⬛ bought", "🐈‍⬛ bought", []],
      ["like a member of every object", "__proto__", "__proto__", []],
      ["255 characters", "x".repeat(255), "x".repeat(255), []],
      ["256 characters", "x".repeat(256), "x".repeat(255), ["KM_NAME_TOO_LONG"]],
      ["1 MB", "y".repeat(1 << 20), "y".repeat(255), ["KM_NAME_TOO_LONG"]],
    ];
    it.each(kept)("%s", async (_name, given, name, expected) => {
      const { between, codes } = await outcome((req) => req.km.record(given, { a: 1 }));
      expect(between).toMatchObject([{ type: "record", name, properties: { a: 1 } }]);
      expect(codes).toEqual(expected);
    });

    it.each<[string, unknown, KmCode]>([
      ["empty", "", "KM_NAME_EMPTY"],
      ["blank", " \t\n", "KM_NAME_EMPTY"],
      ["only colons", ":,:", "KM_NAME_EMPTY"],
      ["a number", 42, "KM_NAME_INVALID"],
      ["a bigint", 1n, "KM_NAME_INVALID"],
      ["a symbol", Symbol("x"), "KM_NAME_INVALID"],
      ["a function", () => "x", "KM_NAME_INVALID"],
      ["a boolean", true, "KM_NAME_INVALID"],
      ["an object beside properties", { a: 1 }, "KM_NAME_INVALID"],
    ])("%s is no name: reported, and the properties are still the person's", async (_name, given, code) => {
      const { between, codes } = await outcome((req) => req.km.record(any(given), { a: 1 }));
      expect(between).toMatchObject([{ type: "set", properties: { a: 1 } }]);
      expect(codes).toEqual([code]);
    });

    it.each([undefined, null])("without a name (%s) it is set", async (name) => {
      const { between, codes } = await outcome((req) => {
        req.km.record(any(name), { a: 1 });
        req.km.record({ b: 2 });
      });
      expect(between).toMatchObject([
        { type: "set", properties: { a: 1 } },
        { type: "set", properties: { b: 2 } },
      ]);
      expect(codes).toEqual([]);
    });
  });

  describe("properties", () => {
    class Money {
      amount = 5;
      currency = "CHF";
      get secret() {
        throw new Error("not asked");
      }
    }
    const values: [string, unknown, Record<string, unknown>, KmCode[]][] = [
      ["nested", { a: { b: { c: 1 } }, d: [1, "x", true], e: [{ f: 1 }, 2] }, { "a.b.c": 1, d: "1,x,true", "e.0.f": 1, "e.1": 2 }, []],
      ["nothing", { a: null, b: undefined, c: "" }, { c: "" }, []],
      ["numbers", { a: -0, b: 1.5, c: 2 ** 53, d: -7 }, { a: 0, b: 1.5, c: 2 ** 53, d: -7 }, []],
      ["NaN and the infinities", { a: Number.NaN, b: 1 / 0, c: -1 / 0, d: 1 }, { d: 1 }, Array(3).fill("KM_PROPERTY_INVALID")],
      ["dates", { a: new Date(0), b: new Date(Number.NaN) }, { a: "1970-01-01T00:00:00.000Z" }, ["KM_PROPERTY_INVALID"]],
      ["symbols and functions", { a: Symbol("x"), b: () => 1, c: 1 }, { c: 1 }, Array(2).fill("KM_PROPERTY_INVALID")],
      [
        "maps and sets",
        {
          a: new Map<unknown, unknown>([
            ["x", 1],
            [2, "y"],
          ]),
          b: new Set([1, 2]),
        },
        { "a.x": 1, "a.2": "y", b: "1,2" },
        [],
      ],
      ["a class instance", { price: new Money() }, { "price.amount": 5, "price.currency": "CHF" }, []],
      [
        "binary data",
        { a: new Uint8Array(9), b: Buffer.from("x"), c: new ArrayBuffer(1), d: 1 },
        { d: 1 },
        Array(3).fill("KM_PROPERTY_INVALID"),
      ],
      ["boxed primitives", { a: new String("x"), b: new Number(1), c: new Boolean(false) }, { a: "x", b: 1, c: false }, []],
      ["URLs and what has a toJSON", { a: new URL("http://x/"), b: { toJSON: () => 1 } }, { a: "http://x/", b: 1 }, []],
      ["a toJSON that throws", { a: { toJSON: () => JSON.parse("{") }, b: 1 }, { b: 1 }, ["KM_PROPERTY_INVALID"]],
      [
        "members of every object",
        JSON.parse('{"__proto__":1,"constructor":2,"toString":3}'),
        JSON.parse('{"__proto__":1,"constructor":2,"toString":3}'),
        [],
      ],
      ["lone surrogates", { "a\ud800": "b\udfff" }, { "a\ufffd": "b\ufffd" }, []],
      ["an empty property name", { "": 1, " ": 2, a: 3 }, { a: 3 }, Array(2).fill("KM_NAME_EMPTY")],
      ["a long property name", { ["x".repeat(256)]: 1 }, { ["x".repeat(255)]: 1 }, ["KM_NAME_TOO_LONG"]],
      ["a value of 1 MB", { a: "x".repeat(1 << 20) }, { a: "x".repeat(8192) }, ["KM_VALUE_TOO_LONG"]],
      ["an error and a promise", { a: new Error("x"), b: Promise.resolve(1), c: 1 }, { c: 1 }, []],
      ["a revoked proxy", { a: revoked(), b: 1 }, { b: 1 }, ["KM_PROPERTY_INVALID"]],
    ];
    it.each(values)("%s", async (_name, given, properties, expected) => {
      const { between, codes } = await outcome((req) => {
        req.km.record("Odd", any(given));
        req.km.set(any(given));
      });
      expect(between.map((one) => [one.type, (one as { properties: unknown }).properties])).toEqual([
        ["record", properties],
        ["set", properties],
      ]);
      expect(codes).toEqual([...expected, ...expected]);
    });

    it.each([
      ["text", "Plan"],
      ["a number", 5],
      ["a list", [1]],
      ["a function", () => 1],
    ])("%s in place of properties is reported; the event is kept", async (_name, given) => {
      const { between, codes } = await outcome((req) => req.km.record("Odd", any(given)));
      expect(between).toMatchObject([{ name: "Odd", properties: {} }]);
      expect(codes).toEqual(["KM_PROPERTIES_INVALID"]);
    });

    it("10,000 properties: the first 1,000 are kept, and it is said once", async () => {
      const many = Object.fromEntries(Array.from({ length: 10_000 }, (_x, index) => [`p${index}`, index]));
      const { between, codes } = await outcome((req) => req.km.record("Many", many));
      expect(Object.keys((between[0] as { properties: object }).properties)).toHaveLength(1000);
      expect(codes).toEqual(["KM_PROPERTIES_TOO_MANY"]);
    });

    it("something too deep, and a command too large, cost themselves alone", async () => {
      let deep: unknown = 1;
      for (let level = 0; level < 10_000; level += 1) deep = { deep };
      const large = Object.fromEntries(Array.from({ length: 200 }, (_x, index) => [`p${index}`, "x".repeat(8192)]));
      const { between, codes } = await outcome((req) => {
        req.km.record("Deep", any({ deep, a: 1 }));
        req.km.record("Large", large);
      });
      expect(between).toMatchObject([{ name: "Deep", properties: { a: 1 } }]);
      expect(codes).toEqual(["KM_PROPERTY_INVALID", "KM_COMMAND_TOO_LARGE"]);
    });
  });

  describe("times and ids", () => {
    const instant = Date.UTC(2026, 0, 31, 12);
    it.each([
      ["a Date", new Date(instant)],
      ["ISO text", "2026-01-31T12:00:00Z"],
      ["ms", instant],
      ["seconds", instant / 1000],
      ["seconds as text", String(instant / 1000)],
    ])("%s", async (_name, time) => {
      const { between, codes } = await outcome((req) => req.km.record("Then", {}, { time }));
      expect([between[0]?.time, codes]).toEqual([instant, []]);
    });

    it.each<[string, unknown, KmCode]>([
      ["microseconds", instant * 1000, "KM_TIME_RANGE"],
      ["negative", -1, "KM_TIME_RANGE"],
      ["zero", 0, "KM_TIME_RANGE"],
      ["before 2009", "2008-12-31T23:59:59Z", "KM_TIME_RANGE"],
      ["two days ahead", Date.now() + 2 * 86_400_000, "KM_TIME_RANGE"],
      ["an invalid Date", new Date(Number.NaN), "KM_TIME_INVALID"],
      ["words", "yesterday", "KM_TIME_INVALID"],
      ["NaN", Number.NaN, "KM_TIME_INVALID"],
      ["an object", {}, "KM_TIME_INVALID"],
      ["null", null, "KM_TIME_INVALID"],
      ["a bigint", 1n, "KM_TIME_INVALID"],
    ])("%s is refused, never shifted", async (_name, time, code) => {
      const { between, codes } = await outcome((req) => req.km.record("Then", {}, { time: any(time) }));
      expect([between, codes]).toEqual([[], [code]]);
    });

    it("the app's own id makes a retry the same command; without a usable one the client makes its own", async () => {
      const { between, codes } = await outcome((req) => {
        for (const id of ["evt_1", "evt_1", "", any(7)]) req.km.record("Paid", {}, { id });
      });
      const [first, second, ...others] = between.map((one) => one.id);
      expect([first, second]).toEqual([derive("id", "paid", "evt_1"), first]);
      expect(new Set([first, ...others]).size).toBe(3);
      expect(codes).toEqual(["KM_ID_INVALID", "KM_ID_INVALID"]);
    });

    it("options that are no options throw nothing", async () => {
      const { between } = await outcome((req) => {
        for (const options of [null, 5, "x", [], () => 1]) req.km.record("Odd", {}, any(options));
      });
      expect(between).toHaveLength(5);
    });
  });

  it("every call with every kind of junk throws nothing, and the good neighbours are kept", async () => {
    const junk = [
      undefined,
      null,
      0,
      -1,
      Number.NaN,
      "",
      "x".repeat(1 << 20),
      true,
      [],
      {},
      Symbol("x"),
      () => 1,
      1n,
      revoked(),
      Object.create(null),
    ];
    await outcome(({ km: visitor }) => {
      for (const a of junk) {
        visitor.set(any(a));
        for (const b of junk) {
          visitor.record(any(a), any(b), any(a));
          visitor.alias(any(a), any(b));
        }
      }
      // Afterwards, since a name that is one (0n is "0", 1n is "1") would count.
      for (const a of junk) if (typeof a !== "bigint" && typeof a !== "number" && a !== null) visitor.identify(any(a));
    });
  });
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
