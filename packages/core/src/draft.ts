import { MAX_COMMAND, timeOf } from "./command.ts";
import { KmError, type Report } from "./errors.ts";
import { derive, identityText, mintId } from "./identity.ts";
import type { RecordOptions } from "./km.ts";
import { canonicalName, cleanText, clientName } from "./names.ts";
import { jsonText, propertiesText } from "./properties.ts";

/** A command before it is known whose it is: serialised at the call, so what the app changes afterwards does not count. */
export interface Draft {
  /** The JSON text up to the identity. */
  readonly open: string;
  /** Under which identity it stands as far as known. */
  identity: string;
  /** Whether it came after the headers of the answer. */
  late: boolean;
}

/** The command's JSON text, as it waits in the outbox and crosses the wire. */
export function lineOf(draft: Draft): string {
  return `${draft.open},"identity":${jsonText(draft.identity)}}`;
}

/** Drafts a record or, without a name, a set. Returns undefined for what is no command, after reporting why. */
export function draftRecord(
  name: unknown,
  properties: unknown,
  options: RecordOptions | undefined,
  identity: string,
  report: Report,
): Draft | undefined {
  if (name === undefined || name === null) return draftSet(properties, identity, report);
  if (typeof name === "object" && properties === undefined) return draftSet(name, identity, report);
  const known = typeof name === "string" ? cleanText(name) : undefined;
  const clean = known === undefined ? clientName(name, report) : (name as string);
  if (clean instanceof KmError) {
    report(clean);
    // The event is nothing without a name, but the properties are still the person's.
    return draftSet(properties, identity, report);
  }
  const now = Date.now();
  const time = options?.time === undefined ? now : timeOf(options.time, now);
  if (time instanceof KmError) {
    report(new KmError(time.code, `${clean}: ${time.detail}`));
    return undefined;
  }
  const id = options?.id === undefined ? mintId(now) : ownId(clean, options.id, report);
  const flat = propertiesText(properties, report);
  const open = `{"type":"record","id":"${id}","time":${time},"name":${known ?? JSON.stringify(clean)},"properties":${flat}`;
  return sized({ open, identity, late: false }, report);
}

/** Drafts a set; undefined where no property is left. */
export function draftSet(properties: unknown, identity: string, report: Report): Draft | undefined {
  const flat = propertiesText(properties, report);
  return flat === "{}"
    ? undefined
    : sized({ open: `{"type":"set","id":"${mintId()}","time":${Date.now()},"properties":${flat}`, identity, late: false }, report);
}

/** What no receiver would take is refused here, where the culprit can be named. */
function sized(draft: Draft, report: Report): Draft | undefined {
  if (draft.open.length <= MAX_COMMAND - 2048) return draft;
  report(new KmError("KM_COMMAND_TOO_LARGE", `${draft.open.length} characters, beginning ${draft.open.slice(0, 120)}`));
  return undefined;
}

/** Drafts an alias. */
export function draftAlias(identity: string, alias: string): Draft {
  return { open: `{"type":"alias","id":"${mintId()}","time":${Date.now()},"alias":${JSON.stringify(alias)}`, identity, late: false };
}

/** The two texts of an explicit alias, or undefined after reporting what is wrong with them. */
export function aliasTexts(a: unknown, b: unknown, junk: (identity: string) => boolean, report: Report): [string, string] | undefined {
  const texts = [identityText(a), identityText(b)];
  for (const text of texts) {
    const error = text instanceof KmError ? text : junk(text) ? new KmError("KM_IDENTITY_JUNK", `alias: ${text}`) : undefined;
    if (error === undefined) continue;
    report(error);
    return undefined;
  }
  // An alias of an identity with itself says nothing.
  return texts[0] === texts[1] ? undefined : (texts as [string, string]);
}

/** The app's own id makes its retry harmless: a UUIDv5 of it and the name, so that one webhook may record several things. */
function ownId(name: string, id: unknown, report: Report): string {
  if (typeof id === "string" && id !== "") return derive("id", canonicalName(name), id);
  report(new KmError("KM_ID_INVALID", `${name}: ${typeof id}`));
  return mintId();
}
