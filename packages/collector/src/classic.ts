import { canonicalName, derive, KmError, MAX_NAME, MAX_VALUE, timeOf } from "@kmkit/core";
import type { Door } from "./door.ts";
import type { Access } from "./keys.ts";

/** A transparent GIF of one pixel: clients need a decodable picture, whatever they sent (KISSmetrics, "specifications"). */
export const GIF: Uint8Array<ArrayBuffer> = new Uint8Array(
  Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==", "base64"),
);

/** Most parameters of a call: a thousand properties and the reserved ones, given twice. */
const MOST_PARAMETERS = 1020;

const reserved = new Set(["_k", "_p", "_n", "_t", "_d", "_ip", "_ua"]);

/**
 * A call of the classic API: `/e` records, `/s` sets, `/a` aliases; `_k` key, `_p` identity, `_n` name (or the other identity), `_t` with `_d=1`
 * the time, everything else a property. Never fails: what is refused is counted by the door. Settles when it is on disk.
 *
 * @param query the part of the URL behind `?`, or the form in the body, still encoded.
 */
export async function classicCall(kind: "e" | "s" | "a", query: string, access: Access, door: Door): Promise<void> {
  // Before it is taken apart: a megabyte of ampersands would cost two hundred.
  if (query.split("&", MOST_PARAMETERS + 1).length > MOST_PARAMETERS) return door.refuse("KM_PROPERTIES_TOO_MANY");
  const parameters = new URLSearchParams(query);
  // Of a repeated reserved parameter the last one wins.
  const last = (name: string) => parameters.getAll(name).at(-1) ?? "";
  const product = access.product(last("_k"));
  if (product === undefined) return door.refuse("KM_KEY_REFUSED");
  const now = Date.now();
  // `_t` counts only together with `_d=1`; otherwise the time is that of receipt. KISSmetrics' own URL builder forgot the `&` between them.
  const [, time = last("_t"), backDated = last("_d")] = /^(.*)_d=(\w+)$/.exec(last("_t")) ?? [];
  const told = /^(1|true)$/i.test(backDated) && time !== "" ? timeOf(time, now) : now;
  if (told instanceof KmError) return door.refuse(told.code);
  const second = Math.floor(told / 1000);
  const [identity, name] = [last("_p"), last("_n")];
  // What was not UTF-8 has been mended in decoding, and mended text could be somebody else's identity.
  if (`${identity}${kind === "a" ? name : ""}`.includes("\ufffd")) return door.refuse("KM_IDENTITY_INVALID");
  const command = { time: second * 1000, identity };
  if (kind === "a") {
    // Either order is the same edge.
    const id = derive("classic alias", String(product), ...[identity, name].sort());
    await door.admitOne(product, { ...command, type: "alias", id, alias: name });
    return;
  }
  const given = [...parameters].filter(([key]) => !reserved.has(key) && key.trim() !== "");
  const properties = Object.fromEntries(given.map(([key, value]) => [cut(key, MAX_NAME), cut(value, MAX_VALUE)]));
  const event = cut(name, MAX_NAME);
  // KISSmetrics' duplicate rule: the same person, name and second is one event, however often it comes.
  const isEvent = kind === "e" && canonicalName(event) !== "";
  const same = isEvent ? ["classic event", canonicalName(event)] : ["classic set", JSON.stringify(properties)];
  const id = derive(...same, String(product), identity, String(second));
  if (isEvent) await door.admitOne(product, { ...command, type: "record", id, name: event, properties });
  else if (Object.keys(properties).length > 0) await door.admitOne(product, { ...command, type: "set", id, properties });
}

/** These clients cannot be told that a name is too long: it is cut (`kissmetrics.md` §3). An identity never is. */
function cut(text: string, most: number): string {
  return text.length > most ? text.slice(0, most).toWellFormed() : text;
}
