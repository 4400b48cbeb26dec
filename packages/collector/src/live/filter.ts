import { canonicalName, identityText, KmError, MAX_NAME, MAX_VALUE } from "@kmkit/core";
import type { Shown } from "./shown.ts";

/** Most filters of one kind. */
const MOST_FILTERS = 100;

/** A property that a command must have; with a value, the property must have it, as text and with its case. */
interface PropertyTest {
  readonly name: string;
  readonly value: string | undefined;
}

/** What a listener wants to see: of each kind any, of all kinds together all. None of a kind: everything. */
export interface Filter {
  /** Identities of the people. */
  readonly persons: readonly string[];
  /** Canonical names. */
  readonly events: ReadonlySet<string>;
  readonly properties: readonly (readonly PropertyTest[])[];
}

/** Filters as they stand in the query of `GET /v1/live`. */
export interface FilterTexts {
  readonly person?: readonly string[] | undefined;
  readonly event?: readonly string[] | undefined;
  readonly property?: readonly string[] | undefined;
}

/**
 * The filter that some texts say, or an error (KM_FILTER_INVALID). Names are compared as everywhere: without case, `,` and `:` as a space.
 *
 * @example
 * filterOf({ event: ["signed up"], property: ["Plan=Pro"] });
 */
export function filterOf({ person = [], event = [], property = [] }: FilterTexts): Filter | KmError {
  for (const [kind, texts] of Object.entries({ person, event, property }))
    if (texts.length > MOST_FILTERS) return new KmError("KM_FILTER_INVALID", `${texts.length} of ${kind}`);
  const who = person.find((identity) => identityText(identity) instanceof KmError);
  if (who !== undefined) return invalid("person", who);
  const events = event.map(canonicalName);
  const bad = event.find((name) => !isName(name));
  if (bad !== undefined) return invalid("event", bad);
  const properties = property.map(testsOf);
  const none = properties.findIndex((tests) => tests.length === 0);
  if (none >= 0) return invalid("property", property[none] as string);
  return { persons: person, events: new Set(events), properties };
}

/** Whether a command passes. `isTheirs` says whether an identity is one of the people's that the filter names. */
export function passes({ persons, events, properties }: Filter, shown: Shown, isTheirs: (identity: string) => boolean): boolean {
  const { identity, alias, name } = shown;
  if (persons.length > 0 && !(isTheir(identity, isTheirs) || isTheir(alias, isTheirs))) return false;
  if (events.size > 0 && (name === undefined || !events.has(canonicalName(name)))) return false;
  return properties.length === 0 || hasOne(shown.properties, properties);
}

function isTheir(identity: string | undefined, isTheirs: (identity: string) => boolean): boolean {
  return identity !== undefined && isTheirs(identity);
}

function hasOne(given: Shown["properties"], properties: Filter["properties"]): boolean {
  const entries = Object.entries(given ?? {}).map(([name, value]) => [canonicalName(name), String(value)] as const);
  // Of properties that are one by their canonical names the last one counts, as in the store.
  const values = new Map(entries);
  return properties.some((tests) => tests.some(({ name, value }) => (value === undefined ? values.has(name) : values.get(name) === value)));
}

/** A name may hold a `=` itself: each of them may be the one that divides it from the value. */
function testsOf(text: string): PropertyTest[] {
  if (text.length > MAX_NAME + 1 + MAX_VALUE) return [];
  const tests: PropertyTest[] = isName(text) ? [{ name: canonicalName(text), value: undefined }] : [];
  for (let at = text.indexOf("="); at >= 0 && at <= MAX_NAME; at = text.indexOf("=", at + 1)) {
    const name = text.slice(0, at);
    if (isName(name)) tests.push({ name: canonicalName(name), value: text.slice(at + 1) });
  }
  return tests;
}

function isName(text: string): boolean {
  return text.length <= MAX_NAME && canonicalName(text) !== "";
}

function invalid(kind: string, text: string): KmError {
  return new KmError("KM_FILTER_INVALID", `${kind} ${JSON.stringify(text.slice(0, 40))}`);
}
