import { KmError, type Report } from "./errors.ts";
import { cleanText, clientName } from "./names.ts";

/** Properties as they cross the wire: flat, by name. Numbers are finite. */
export type Properties = Record<string, string | number | boolean>;

/** Most properties of one command. */
export const MAX_PROPERTIES = 1000;
/** Longest value in UTF-16 units (KISSmetrics: "up to 8 KB"). */
export const MAX_VALUE = 8192;
/** How deep nested objects are followed; a deeper one is an invalid value. */
const MAX_DEPTH = 8;

/**
 * A safe, flat copy of what the app hands in: nested objects and lists are flattened with dots, a list of plain values becomes text joined by
 * commas, a Date its ISO text, a bigint its text; `null` and `undefined` are dropped. One odd value (circular, a getter that throws, NaN, a
 * function) costs that property alone and is reported with its path. Never throws, and what the app changes afterwards does not count.
 *
 * @example
 * safeProperties({ Plan: "Pro", address: { city: "Bern" } }, console.warn); // { Plan: "Pro", "address.city": "Bern" }
 */
function safeProperties(input: unknown, report: Report): Properties {
  const out: Properties = Object.create(null);
  if (input === undefined || input === null) return out;
  if (typeof input !== "object" || Array.isArray(input)) {
    report(new KmError("KM_PROPERTIES_INVALID", Array.isArray(input) ? "a list" : typeof input));
    return out;
  }
  new Flattener(out, report).object(input, "", []);
  return out;
}

/** The JSON text of {@link safeProperties}. What nearly every command has, a flat object of plain values under clean names, is written straight away. */
export function propertiesText(input: unknown, report: Report): string {
  return plainText(input) ?? JSON.stringify(safeProperties(input, report));
}

/** The JSON text of a flat object of plain values, or undefined for whatever needs a closer look. Reports nothing. */
function plainText(input: unknown): string | undefined {
  if (input === undefined || input === null) return "{}";
  if (typeof input !== "object") return undefined;
  const prototype = Object.getPrototypeOf(input);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  const keys = Object.keys(input);
  if (keys.length > MAX_PROPERTIES) return undefined;
  let out = "";
  try {
    for (const key of keys) {
      const name = cleanText(key);
      const value = (input as Record<string, unknown>)[key];
      if (name === undefined) return undefined;
      if (value === undefined || value === null) continue;
      const text = plainValue(value);
      if (text === undefined) return undefined;
      out += out === "" ? `${name}:${text}` : `,${name}:${text}`;
    }
  } catch {
    // A getter that throws costs its property alone.
    return undefined;
  }
  return `{${out}}`;
}

/** Longer texts are handed to the platform: it is quicker with them. */
const SHORT = 64;

/** The JSON text of well-formed text; a lone surrogate becomes U+FFFD. */
export function jsonText(text: string): string {
  if (text.length > SHORT) return JSON.stringify(text.toWellFormed());
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    // A quote, a backslash, a control character, or half of a surrogate pair.
    if (code === 34 || code === 92 || code < 32 || code >= 0xd800) return JSON.stringify(text.toWellFormed());
  }
  return `"${text}"`;
}

function plainValue(value: unknown): string | undefined {
  if (typeof value === "string") return value.length <= MAX_VALUE ? jsonText(value) : undefined;
  if (typeof value === "number") return Number.isFinite(value) ? String(value === 0 ? 0 : value) : undefined;
  return typeof value === "boolean" ? String(value) : undefined;
}

class Flattener {
  private count = 0;
  private readonly out: Properties;
  private readonly report: Report;

  constructor(out: Properties, report: Report) {
    this.out = out;
    this.report = report;
  }

  object(input: object, prefix: string, above: readonly object[]): void {
    let entries: Iterable<[unknown, () => unknown]>;
    try {
      entries =
        input instanceof Map
          ? [...input].map(([key, value]) => [String(key), () => value])
          : Object.keys(input).map((key) => [key, () => (input as Record<string, unknown>)[key]]);
    } catch (cause) {
      this.invalid(prefix, "it cannot be read", cause);
      return;
    }
    for (const [key, read] of entries) {
      if (this.count > MAX_PROPERTIES) return;
      const path = prefix === "" ? String(key) : `${prefix}.${key}`;
      let value: unknown;
      try {
        value = read();
      } catch (cause) {
        this.invalid(path, "its getter threw", cause);
        continue;
      }
      this.value(value, path, [...above, input]);
    }
  }

  private value(value: unknown, path: string, above: readonly object[]): void {
    switch (typeof value) {
      case "string":
        return this.text(path, value);
      case "boolean":
        return this.put(path, value);
      case "bigint":
        return this.text(path, String(value));
      case "number":
        // -0 would come back as 0 from JSON; say so here, so that the copy equals what is stored.
        return Number.isFinite(value) ? this.put(path, value === 0 ? 0 : value) : this.invalid(path, String(value));
      case "undefined":
        return;
      case "object":
        return value === null ? undefined : this.nested(value, path, above);
      default:
        return this.invalid(path, typeof value);
    }
  }

  private nested(value: object, path: string, above: readonly object[]): void {
    if (above.includes(value)) return this.invalid(path, "it contains itself");
    if (above.length >= MAX_DEPTH) return this.invalid(path, `nested deeper than ${MAX_DEPTH}`);
    try {
      this.plain(value, path, above);
    } catch (cause) {
      this.invalid(path, "it cannot be read", cause);
    }
  }

  private plain(value: object, path: string, above: readonly object[]): void {
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return this.invalid(path, "binary data");
    if (value instanceof Set) return this.nested([...value], path, above);
    // Boxed primitives, dates, URLs, decimals and the like say themselves what their plain form is.
    const plain =
      "toJSON" in value && typeof value.toJSON === "function"
        ? (value.toJSON as (key: string) => unknown)(path)
        : value instanceof String || value instanceof Number || value instanceof Boolean
          ? value.valueOf()
          : value;
    if (plain === null && value instanceof Date) return this.invalid(path, "an invalid date");
    if (plain !== value) return this.value(plain, path, [...above, value]);
    if (!Array.isArray(value)) return this.object(value, path, above);
    if (value.length > MAX_PROPERTIES) return this.invalid(path, `a list of ${value.length}`);
    if (value.every((item) => typeof item === "string" || typeof item === "number" || typeof item === "boolean"))
      return this.text(path, value.join(","));
    this.object(value, path, above);
  }

  private text(path: string, value: string): void {
    if (value.length > MAX_VALUE) this.report(new KmError("KM_VALUE_TOO_LONG", `${path.slice(0, 255)}: ${value.length} characters`));
    this.put(path, (value.length > MAX_VALUE ? value.slice(0, MAX_VALUE) : value).toWellFormed());
  }

  private put(path: string, value: string | number | boolean): void {
    const name = clientName(path, this.report);
    if (name instanceof KmError) return this.report(name);
    if (!(name in this.out) && this.count++ >= MAX_PROPERTIES) {
      if (this.count === MAX_PROPERTIES + 1) this.report(new KmError("KM_PROPERTIES_TOO_MANY", `from ${name} on`));
      return;
    }
    this.out[name] = value;
  }

  private invalid(path: string, why: string, cause?: unknown): void {
    this.report(new KmError("KM_PROPERTY_INVALID", `${path.slice(0, 255)}: ${why}`, cause));
  }
}
