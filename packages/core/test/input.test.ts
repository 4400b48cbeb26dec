import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Command,
  canonicalName,
  cleanName,
  isAnonymous,
  isJunk,
  KmError,
  mintId,
  parseCommand,
  recorder,
  timeOf,
} from "../src/index.ts";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
/** Records as somebody and gives the commands and the codes of what was reported. */
async function as(work: (km: ReturnType<ReturnType<typeof recorder>["client"]["as"]>) => void, who: unknown = "bob") {
  const rec = recorder();
  work(rec.client.as(who as string));
  await settled();
  return {
    commands: rec.commands as (Command & { name?: string; properties: Record<string, unknown> })[],
    errors: rec.errors,
    codes: rec.errors.map(({ code }) => code),
    stats: rec.client.stats(),
  };
}

describe("record and set", () => {
  it("record without a name is a set, in both ways of writing it", async () => {
    const { commands } = await as((km) => {
      km.record({ gender: "male" });
      km.record(undefined as never, { gender: "female" });
    });
    expect(commands).toMatchObject([
      { type: "set", properties: { gender: "male" } },
      { type: "set", properties: { gender: "female" } },
    ]);
  });

  it.each([
    ["", "KM_NAME_EMPTY"],
    ["  ", "KM_NAME_EMPTY"],
    [":", "KM_NAME_EMPTY"],
    [42, "KM_NAME_INVALID"],
    [Symbol("x"), "KM_NAME_INVALID"],
  ])("a name like %j is reported, and its properties are kept", async (name, code) => {
    const { commands, codes } = await as((km) => km.record(name as string, { Plan: "Pro" }));
    expect(codes).toEqual([code]);
    expect(commands).toMatchObject([{ type: "set", properties: { Plan: "Pro" } }]);
  });

  it.each([256, 1_000_000])("a name of %i characters is cut at 255 and reported", async (length) => {
    const { commands, codes } = await as((km) => km.record("n".repeat(length)));
    expect(commands[0]?.name).toBe("n".repeat(255));
    expect(codes).toEqual(["KM_NAME_TOO_LONG"]);
  });

  it("names: comma and colon become a space each, lone surrogates go, NUL, RTL marks and emoji stay", async () => {
    const names = ["foo:bar,baz", "a\u0000b", "\u202eabc", "🎉", "x\ud800y", "__proto__"];
    const { commands, codes } = await as((km) => {
      for (const name of names) km.record(name);
    });
    expect(commands.map(({ name }) => name)).toEqual(["foo bar baz", "a\u0000b", "\u202eabc", "🎉", "x\ufffdy", "__proto__"]);
    expect(codes).toEqual([]);
  });

  it("O3: every odd value costs that property alone, good ones are exact and as they were at the call", async () => {
    const odd: Record<string, unknown> = {
      ok: 1,
      big: 9007199254740993n,
      nul: "a\u0000b",
      when: new Date(Number.NaN),
      proto: JSON.parse('{"__proto__":{"x":1}}'),
      nested: { deep: { er: true } },
      nan: Number.NaN,
      infinity: Number.POSITIVE_INFINITY,
      zero: -0,
      nothing: null,
      missing: undefined,
      date: new Date(0),
      symbol: Symbol("s"),
      call: () => 1,
      map: new Map([["a", 1]]),
      list: [1, "b", true],
      objects: [{ sku: "x" }],
      bytes: new Uint8Array(3),
      url: new URL("http://a.b/c"),
      boxed: new String("s"),
      set: new Set([1, 2]),
      get boom() {
        throw new Error("no");
      },
      toJSONThrows: {
        toJSON() {
          throw new Error("no");
        },
      },
    };
    odd.self = odd;
    const { commands, errors } = await as((km) => {
      km.record("Before");
      km.record("Paid", odd);
      odd.ok = 2;
      (odd.nested as { deep: { er: boolean } }).deep.er = false;
      km.record("After");
    });
    expect(commands.map(({ name }) => name)).toEqual(["Before", "Paid", "After"]);
    expect(commands[1]?.properties).toEqual({
      ok: 1,
      big: "9007199254740993",
      nul: "a\u0000b",
      "proto.__proto__.x": 1,
      "nested.deep.er": true,
      zero: 0,
      date: "1970-01-01T00:00:00.000Z",
      "map.a": 1,
      list: "1,b,true",
      "objects.0.sku": "x",
      url: "http://a.b/c",
      boxed: "s",
      set: "1,2",
    });
    expect(Object.is(commands[1]?.properties.zero, 0)).toBe(true);
    expect(errors.map(({ code, detail }) => `${code} ${detail?.split(":")[0]}`).sort()).toEqual(
      ["boom", "bytes", "call", "infinity", "nan", "self", "symbol", "toJSONThrows", "when"]
        .map((path) => `KM_PROPERTY_INVALID ${path}`)
        .sort(),
    );
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  it("a property named __proto__, constructor or toString is one like any other", async () => {
    const { commands } = await as((km) => km.set(JSON.parse('{"__proto__":1,"constructor":2,"toString":3}')));
    expect(Object.entries(commands[0]?.properties ?? {})).toEqual([
      ["__proto__", 1],
      ["constructor", 2],
      ["toString", 3],
    ]);
  });

  it("of 10,000 properties a thousand are kept; a text of 1 MB is cut at 8,192; both once reported", async () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`p${index}`, index]));
    const { commands, codes } = await as((km) => {
      km.set(many);
      km.set({ long: "x".repeat(1_000_000) });
    });
    expect(Object.keys(commands[0]?.properties ?? {})).toHaveLength(1000);
    expect(commands[1]?.properties.long).toHaveLength(8192);
    expect(codes).toEqual(["KM_PROPERTIES_TOO_MANY", "KM_VALUE_TOO_LONG"]);
  });

  it("what no receiver would take is refused where the culprit can be named", async () => {
    const { commands, codes } = await as((km) =>
      km.set(Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`p${index}`, "x".repeat(8000)]))),
    );
    expect(commands).toEqual([]);
    expect(codes).toEqual(["KM_COMMAND_TOO_LARGE"]);
  });

  it.each([["text"], [[1, 2]], [7]])("properties that are none (%j) are reported", async (properties) => {
    const { commands, codes } = await as((km) => km.record("X", properties as never));
    expect(codes).toEqual(["KM_PROPERTIES_INVALID"]);
    expect(commands).toMatchObject([{ name: "X", properties: {} }]);
  });

  it("whatever is handed in, nothing throws and every command fits the schema", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withTypedArray: true,
          withNullPrototype: true,
          withObjectString: true,
        }),
        fc.anything(),
        async (name, properties) => {
          const { commands } = await as((km) => {
            km.record(name as string, properties as never);
            km.set(properties as never);
            km.alias(name as string, properties as string);
            km.identify(name as string);
          });
          for (const command of commands) expect(parseCommand(command)).toEqual(command);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("times and ids of the app's own", () => {
  const now = Date.now();
  it("takes a Date, ISO text, seconds and milliseconds", () => {
    for (const value of [new Date(1769860800000), "2026-01-31T12:00:00Z", 1769860800, 1769860800000, "1769860800", "1769860800000"])
      expect(timeOf(value)).toBe(1769860800000);
    expect(timeOf(1769860800.5)).toBe(1769860800500);
  });

  it.each([
    [now * 1000, "KM_TIME_RANGE"],
    [-5, "KM_TIME_RANGE"],
    [Date.UTC(2008, 11, 31), "KM_TIME_RANGE"],
    [now + 2 * 86_400_000, "KM_TIME_RANGE"],
    ["1970-06-01", "KM_TIME_RANGE"],
    ["yesterday", "KM_TIME_INVALID"],
    [new Date(Number.NaN), "KM_TIME_INVALID"],
    [{}, "KM_TIME_INVALID"],
    [Number.NaN, "KM_TIME_INVALID"],
  ])("refuses %s and never shifts it", async (time, code) => {
    const { commands, codes } = await as((km) => {
      km.record("Late", {}, { time: time as number });
      km.record("Good");
    });
    expect(codes).toEqual([code]);
    expect(commands.map(({ name }) => name)).toEqual(["Good"]);
  });

  it("the same id and name give the same command, other ones another", async () => {
    const { commands, codes } = await as((km) => {
      for (const [name, id] of [
        ["Paid", "evt_1"],
        ["PAID", "evt_1"],
        ["Paid", "evt_2"],
        ["Renewed", "evt_1"],
      ] as const)
        km.record(name, {}, { id });
      km.record("Paid", {}, { id: "" });
    });
    const [first, second, third, fourth] = commands.map(({ id }) => id);
    expect(first).toBe(second);
    expect(new Set([first, third, fourth])).toHaveProperty("size", 3);
    expect(codes).toEqual(["KM_ID_INVALID"]);
  });

  it("ids of one process sort in the order they were made", () => {
    const ids = Array.from({ length: 20_000 }, () => mintId());
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every(isAnonymous)).toBe(true);
  });
});

describe("identities", () => {
  it.each([
    "",
    "undefined",
    "null",
    "none",
    "NaN",
    "true",
    "0",
    "Guest",
    " anonymous ",
    "[object Object]",
    "00000000-0000-0000-0000-000000000000",
  ])("%j is junk", (identity) => {
    expect(isJunk(identity)).toBe(true);
  });

  it("numbers become text; objects, empty and overlong ones are refused; nothing is cut", async () => {
    expect((await as((km) => km.record("X"), 42)).commands).toMatchObject([{ identity: "42" }]);
    for (const [who, code] of [
      [{}, "KM_IDENTITY_INVALID"],
      ["", "KM_IDENTITY_EMPTY"],
      ["x".repeat(256), "KM_IDENTITY_TOO_LONG"],
      ["\ud83d", "KM_IDENTITY_INVALID"],
      [null, "KM_IDENTITY_INVALID"],
    ] as const) {
      const { commands, codes, stats } = await as((km) => km.record("X"), who);
      expect(commands).toEqual([]);
      expect(codes).toEqual([code, "KM_IDENTITY_EMPTY"]);
      expect(stats.refused).toEqual({ KM_IDENTITY_EMPTY: 1 });
    }
  });

  it("a command under a placeholder is kept and reported; an alias with one is refused", async () => {
    const { commands, codes } = await as((km) => {
      km.record("X");
      km.alias("bob");
    }, "undefined");
    expect(commands).toMatchObject([{ type: "record", identity: "undefined" }]);
    expect(codes).toEqual(["KM_IDENTITY_JUNK", "KM_IDENTITY_JUNK"]);
  });

  it("identify says whose the next commands are, and crosses no wire", async () => {
    const { commands } = await as((km) => {
      km.identify("bill");
      km.record("X");
      km.identify(null);
      km.record("Y");
      km.alias("bob", "bob");
    });
    expect(commands).toMatchObject([{ identity: "bill" }, { identity: "bob" }]);
  });
});

describe("the schema of the wire", () => {
  const good = { type: "record", id: mintId(), time: 1769860800000, identity: "bob", name: "X", properties: {} };
  it.each([
    [null, "KM_LINE_INVALID"],
    [[good], "KM_LINE_INVALID"],
    ["x", "KM_LINE_INVALID"],
    [{ ...good, type: "identify" }, "KM_TYPE_INVALID"],
    [{ ...good, id: "1" }, "KM_ID_INVALID"],
    [{ ...good, id: undefined }, "KM_ID_INVALID"],
    [{ ...good, time: "now" }, "KM_TIME_INVALID"],
    [{ ...good, identity: "" }, "KM_IDENTITY_EMPTY"],
    [{ ...good, identity: {} }, "KM_IDENTITY_INVALID"],
    [{ ...good, name: "" }, "KM_NAME_EMPTY"],
    [{ ...good, name: "x".repeat(256) }, "KM_NAME_TOO_LONG"],
    [{ ...good, name: 4 }, "KM_NAME_INVALID"],
    [{ ...good, properties: [] }, "KM_PROPERTIES_INVALID"],
    [{ ...good, properties: { a: {} } }, "KM_PROPERTY_INVALID"],
    [{ ...good, properties: { a: "x".repeat(8193) } }, "KM_VALUE_TOO_LONG"],
    [{ ...good, type: "alias" }, "KM_IDENTITY_INVALID"],
  ])("refuses %j", (input, code) => {
    const result = parseCommand(input);
    expect(result).toBeInstanceOf(KmError);
    expect((result as KmError).code).toBe(code);
  });

  it("keeps what is known and drops the rest", () => {
    expect(parseCommand({ ...good, extra: 1, properties: { a: null, b: false } })).toEqual({ ...good, properties: { b: false } });
    expect(parseCommand({ ...good, time: 1769860800 })).toMatchObject({ time: 1769860800000 });
  });

  it("canonical names differ neither by case nor by comma and colon", () => {
    expect(canonicalName("Signed Up")).toBe(canonicalName("signed:up"));
    expect(cleanName(" a ")).toBe("a");
    fc.assert(fc.property(fc.string({ unit: "binary" }), (name) => canonicalName(canonicalName(name)) === canonicalName(name)));
  });
});
