import { derive as ofCore } from "@kmkit/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { derive } from "../src/derive.ts";
import { readParameters } from "../src/parameters.ts";

const pairs = (text: string, most = 1e9) => {
  const read = readParameters(text, most);
  return read?.names.map((name, at) => [name, read.values[at]]);
};

/** Text in which what matters to a reader of forms is common. */
const forms = fc
  .array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom("&", "=", "+", "%", "%20", "%2B", "%C3%BC", "%F0%9F%99%82", "%ED%A0%80", "%E0%A4%A", "?", ";", "#"),
      },
      { weight: 3, arbitrary: fc.constantFrom("_k", "_p", "a", "é", "\ud800", "\ufeff", "%EF%BB%BF", "%00", "%zz", "__proto__", " ") },
      { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16)}`) },
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(""));

describe("the parameters of a call", () => {
  it("are read exactly as URLSearchParams reads them", () => {
    fc.assert(
      fc.property(forms, (text) => void expect(pairs(text)).toEqual([...new URLSearchParams(text)])),
      {
        numRuns: 20_000,
        examples: [[""], ["?"], ["??a=1"], ["&&a&=&=b&a=b=c"], ["a=%"], ["\ufeffa=1"], ["%EF%BB%BFa=%EF%BB%BF"], ["a=\ud800%41"]],
      },
    );
  });

  it("are not read where there are more than are taken, empty ones counted", () => {
    expect(pairs("a&b&c", 3)).toHaveLength(3);
    expect(pairs("a&b&c", 2)).toBeUndefined();
    expect(pairs("&&", 3)).toEqual([]);
    expect(pairs("&&", 2)).toBeUndefined();
    fc.assert(
      fc.property(
        forms,
        fc.integer({ min: 1, max: 12 }),
        (text, most) => (pairs(text, most) !== undefined) === text.split("&").length <= most,
      ),
    );
  });
});

it("the id of a call is the one that core derives", () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: "binary" })), (parts) => void expect(derive(...parts)).toBe(ofCore(...parts))));
});
