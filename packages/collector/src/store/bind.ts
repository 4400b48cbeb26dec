import type { Params, Value } from "./engine.ts";

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  "\0": "\\0",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL and backspace are among what must be escaped.
const special = /[\\'\0\u0008\f\n\r\t]/g;

function text(value: Value): string {
  if (typeof value !== "string") throw new TypeError(`String takes text, not ${typeof value}`);
  return `'${value.toWellFormed().replace(special, (character) => escapes[character] as string)}'`;
}

function integer(value: Value, type: string, low: bigint, high: bigint): string {
  const whole = typeof value === "bigint" || Number.isSafeInteger(value) || (typeof value === "string" && /^-?\d{1,20}$/.test(value));
  const number = whole ? BigInt(value as bigint | number | string) : undefined;
  if (number === undefined || number < low || number > high) throw new TypeError(`${type} takes a whole number in its range`);
  return number.toString();
}

function list(value: Value, inner: string): string {
  if (!Array.isArray(value)) throw new TypeError("Array takes an array");
  // An empty literal has no type of its own, and `IN []` is refused.
  return value.length === 0 ? `CAST([], 'Array(${inner})')` : `[${value.map((item: Value) => literal(inner, item)).join(",")}]`;
}

function pairs(value: Value, key: string, inner: string): string {
  if (!(value instanceof Map)) throw new TypeError("Map takes a Map");
  if (value.size === 0) return `CAST(map(), 'Map(${key}, ${inner})')`;
  return `map(${[...value].map(([name, item]) => `${literal(key, name)},${literal(inner, item)}`).join(",")})`;
}

function literal(type: string, value: Value): string {
  switch (type) {
    case "String":
      return text(value);
    case "UInt32":
      return integer(value, type, 0n, 0xffff_ffffn);
    case "UInt64":
      return integer(value, type, 0n, 0xffff_ffff_ffff_ffffn);
    case "Int64":
      return integer(value, type, -(2n ** 63n), 2n ** 63n - 1n);
    case "Float64":
      if (typeof value !== "number" || !Number.isFinite(value)) throw new TypeError("Float64 takes a finite number");
      // With an exponent it is a Float64 for certain; a list of whole and broken numbers would have no common type.
      return /[.e]/.test(String(value)) ? String(value) : `${value}e0`;
    case "Bool":
      if (typeof value !== "boolean") throw new TypeError("Bool takes true or false");
      return String(value);
  }
  const array = /^Array\((.+)\)$/.exec(type);
  if (array) return list(value, array[1] as string);
  const map = /^Map\((String), ?(.+)\)$/.exec(type);
  if (map) return pairs(value, map[1] as string, map[2] as string);
  throw new TypeError(`bind() knows no type ${type}`);
}

/**
 * Puts values into a statement: each `{name:Type}` becomes a literal. The only place that makes SQL from values; chDB's own parameters
 * run one after the other in the whole process, which would make every person page wait for the slowest report.
 * Types: String, UInt32, UInt64, Int64, Float64, Bool, Array(…), Map(String, …). A value that does not fit its type throws a TypeError.
 *
 * @example
 * bind("SELECT {who:UInt64}, {name:String}", { who: "18446744073709551615", name: "it's" }); // SELECT 18446744073709551615, 'it\'s'
 */
export function bind(sql: string, params: Params): string {
  return sql.replace(/\{(\w+):([^{}]+)\}/g, (_, name: string, type: string) => {
    const value = Object.hasOwn(params, name) ? params[name] : undefined;
    if (value === undefined) throw new TypeError(`no value for {${name}:${type}}`);
    return literal(type, value);
  });
}
