import { KmError } from "./errors.ts";

/** Longest name of an event or property, and longest identity, in UTF-16 units (KISSmetrics, "technical limitations"). */
export const MAX_NAME = 255;

/**
 * A name as it goes on the wire: `,` and `:` become one space each (KISSmetrics, "technical limitations"), surrounding space goes, lone
 * surrogates are replaced. The case stays as the app wrote it, since that is what people are shown; see {@link canonicalName}.
 *
 * @example
 * cleanName("Signed Up: Pro"); // "Signed Up  Pro"
 */
export function cleanName(name: string): string {
  return (/[,:]/.test(name) ? name.replace(/[,:]/g, " ") : name).trim().toWellFormed();
}

/** A name as it is compared: names differ neither by case nor by `,` and `:` (KISSmetrics: `Signed Up` = `signed up`). */
export function canonicalName(name: string): string {
  return cleanName(name).toLowerCase();
}

/**
 * The name of an event or property as the client sends it: cleaned, and cut at 255 characters with a report. Returns an error for what is no name.
 */
export function clientName(name: unknown, report: (error: KmError) => void): string | KmError {
  if (typeof name !== "string") return new KmError("KM_NAME_INVALID", typeof name);
  // Cut before cleaning, so that a name of 1 MB costs no more than its first characters.
  const cleaned = cleanName(name.length > 4 * MAX_NAME ? name.slice(0, 4 * MAX_NAME) : name);
  if (cleaned === "") return new KmError("KM_NAME_EMPTY");
  if (cleaned.length <= MAX_NAME && name.length <= 4 * MAX_NAME) return cleaned;
  report(new KmError("KM_NAME_TOO_LONG", `${name.length} characters, beginning ${cleaned.slice(0, 40)}`));
  return cleaned.slice(0, MAX_NAME).trim().toWellFormed();
}

/** Most names that are remembered as clean. An app has some dozens; should one make up ever new ones, it begins anew rather than grow. */
const MOST_CLEAN = 4096;
/** The JSON text of names that {@link clientName} leaves as they are: the same few names come with every command. */
const clean = new Map<string, string>();

/** The JSON text of a name that needs no cleaning; undefined for one that must go through {@link clientName}. */
export function cleanText(name: string): string | undefined {
  const text = clean.get(name);
  if (text !== undefined || name.length > MAX_NAME || name === "" || cleanName(name) !== name) return text;
  if (clean.size >= MOST_CLEAN) clean.clear();
  const made = JSON.stringify(name);
  clean.set(name, made);
  return made;
}
