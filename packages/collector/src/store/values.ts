import type { Display } from "./names.ts";

/** Properties as they are shown: by display name, without a prototype, so that `__proto__` is a name like any other. */
export type Properties = Record<string, string | number | boolean>;

/**
 * The value that a stored text stands for: the type is determined by the value, as in KISSmetrics. Only a text that a number would be
 * written as becomes one, so nothing is ever lost: `"007"` and `"9007199254740993"` stay text.
 *
 * @example
 * typed("19.99"); // 19.99
 */
export function typed(text: string): string | number | boolean {
  if (text === "true" || text === "false") return text === "true";
  const number = Number(text);
  return Number.isFinite(number) && String(number) === text ? number : text;
}

/** The stored properties of a command as they are shown. */
export function shown(stored: Readonly<Record<string, string>>, display: Display): Properties {
  const properties: Properties = Object.create(null);
  for (const [name, text] of Object.entries(stored)) properties[display("property", name)] = typed(text);
  return properties;
}
