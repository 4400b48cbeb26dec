import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClassicCalls } from "../src/classiccall.ts";
import { type Command, cleanName, type KmError, parseCommand } from "../src/index.ts";
import { lanesOf } from "../src/lanes.ts";

const id = "0199f0c0-8c1e-7a3b-9d53-5b1f6f1f85c4";
const time = Date.UTC(2026, 0, 31, 12, 0, 0, 789);
const second = "1769860800";

/** The parameters of a command's call, decoded by the standard's own reader, and what was reported. */
function call(command: Command, calls = new ClassicCalls("KEY")) {
  const errors: KmError[] = [];
  const { path, form } = calls.of(command, (error) => errors.push(error));
  return { path, form, parameters: [...new URLSearchParams(form)], errors };
}

const text = (most: number) => fc.string({ unit: "grapheme", minLength: 1, maxLength: most });
const names = fc.oneof(
  text(30),
  fc.constantFrom("_p", "_k", "_n", "_t", "_d", "_ip", "_ua", "_P", " _p", "_p:", "__p", "a&_p=x", "a=b", "%5Fp", "+", "__proto__", "a b"),
);
const values = fc.oneof(text(60), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(""), fc.string());
/** Any command that may cross the wire. */
const commands = fc
  .record({
    type: fc.constantFrom("record", "set", "alias"),
    id: fc.constant(id),
    time: fc.integer({ min: Date.UTC(2009), max: Date.UTC(2100) }),
    identity: text(60),
    name: names,
    alias: text(60),
    properties: fc.dictionary(names, values, { maxKeys: 8 }),
  })
  .map(parseCommand)
  .filter((command): command is Command => !(command instanceof Error));

describe("a command as a classic call", () => {
  it("records, sets and aliases, with the key, whole seconds and _d=1", () => {
    const common = { id, time, identity: "bob+1@bob.com" };
    const start = `_k=KEY&_p=bob%2B1%40bob.com`;
    const when = `&_t=${second}&_d=1`;
    expect(
      call({ ...common, type: "record", name: "Signed Up", properties: { "Plan Name": "Pro", Seats: 5, Trial: false } }),
    ).toMatchObject({ path: "/e", form: `${start}&_n=Signed%20Up${when}&Plan%20Name=Pro&Seats=5&Trial=false`, errors: [] });
    expect(call({ ...common, type: "set", properties: { Plan: "Pro" } })).toMatchObject({ path: "/s", form: `${start}${when}&Plan=Pro` });
    const alias: Command = { ...common, type: "alias", alias: "nbTo2Y6gBMjpu12wKz5pgPBeIXk=" };
    expect(call(alias)).toMatchObject({ path: "/a", form: `${start}&_n=nbTo2Y6gBMjpu12wKz5pgPBeIXk%3D${when}` });
  });

  it("says of any command what it says, in characters about which no two receivers differ, and no property passes for a parameter", () => {
    fc.assert(
      fc.property(commands, (command) => {
        const { form, parameters } = call(command);
        expect(form).toMatch(/^[A-Za-z0-9\-._%&=]*$/);
        const name = command.type === "record" ? command.name : command.type === "alias" ? command.alias : undefined;
        const own: [string, string][] = [
          ["_k", "KEY"],
          ["_p", command.identity],
          ...(name === undefined ? [] : [["_n", name] as [string, string]]),
          ["_t", String(Math.floor(command.time / 1000))],
          ["_d", "1"],
        ];
        expect(parameters.slice(0, own.length)).toEqual(own);
        const rest = parameters.slice(own.length);
        expect(rest.filter(([key]) => /^_(k|p|n|t|d|ip|ua)$/i.test(key.trim()))).toEqual([]);
        const properties = command.type === "alias" ? {} : command.properties;
        const plain = Object.entries(properties).filter(([key]) => !/^_(k|p|n|t|d|ip|ua)$/i.test(key));
        const last = new Map(rest);
        expect(plain.map(([key]) => last.get(key))).toEqual(plain.map(([, value]) => String(value)));
        expect(rest).toHaveLength(Object.keys(properties).length);
      }),
      { numRuns: 3000 },
    );
  });

  it("gives a property that is named as a parameter one more underscore, and says so once a name; the app's own property of that name counts", () => {
    const calls = new ClassicCalls("KEY");
    const command: Command = { id, time, identity: "bob", type: "set", properties: { __t: "mine", _t: 1, _IP: "x" } };
    const { parameters, errors } = call(command, calls);
    expect(parameters.slice(4)).toEqual([
      ["__t", "1"],
      ["__IP", "x"],
      ["__t", "mine"],
    ]);
    expect(errors.map(({ code, detail }) => [code, detail])).toEqual([
      ["KM_PROPERTY_RESERVED", "_t goes out as __t"],
      ["KM_PROPERTY_RESERVED", "_IP goes out as __IP"],
    ]);
    expect(call(command, calls).errors).toEqual([]);
  });

  it("knows a parameter's name also where cleaning makes it one", () => {
    const parsed = parseCommand({ id, time, identity: "bob", type: "set", properties: { " _p:": "eve" } }) as Command;
    expect(cleanName(" _p:")).toBe("_p");
    expect(call(parsed).parameters.at(-1)).toEqual(["__p", "eve"]);
  });
});

describe("lanes", () => {
  type Step = Command & { readonly n: number };
  const few = fc.integer({ min: 0, max: 9 }).map((n) => `p${n}`);
  const steps = fc.array(fc.tuple(few, fc.option(few, { nil: undefined, freq: 2 })), { maxLength: 40 }).map((pairs) =>
    pairs.map(([identity, alias], n): Step => {
      const common = { id, time, identity, n };
      return alias === undefined ? { ...common, type: "set", properties: {} } : { ...common, type: "alias", alias };
    }),
  );

  it("part commands by person and keep the order of each; whom aliases tie are one person, and no others", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const lanes = lanesOf(all);
        expect(lanes.flat().sort((a, b) => a.n - b.n)).toEqual(all);
        for (const lane of lanes) expect(lane.map(({ n }) => n)).toEqual(lane.map(({ n }) => n).sort((a, b) => a - b));
        // The plain way to the same: labels that are levelled until nothing changes.
        const label = new Map<string, string>();
        for (const { identity } of all) label.set(identity, identity);
        for (let changed = true; changed; ) {
          changed = false;
          for (const step of all) {
            if (step.type !== "alias") continue;
            const [a, b] = [label.get(step.identity) ?? step.identity, label.get(step.alias) ?? step.alias];
            const [least] = [a, b].sort() as [string, string];
            changed ||= a !== least || b !== least || !label.has(step.alias);
            label.set(step.identity, least).set(step.alias, least);
          }
        }
        const lane = new Map(lanes.flatMap((steps, at) => steps.map(({ identity }) => [identity, at] as const)));
        for (const { identity: a } of all)
          for (const { identity: b } of all) expect(lane.get(a) === lane.get(b)).toBe(label.get(a) === label.get(b));
      }),
      { numRuns: 300 },
    );
  });

  it("are quick also where aliases make one long row of identities", () => {
    const chain = Array.from({ length: 20_000 }, (_, n): Command => ({ id, time, identity: `p${n}`, type: "alias", alias: `p${n + 1}` }));
    expect(lanesOf(chain)).toHaveLength(1);
    expect(lanesOf(chain.reverse())).toHaveLength(1);
  });
});
