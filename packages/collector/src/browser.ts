import { type Command, isOurCookie, KmError } from "@kmkit/core";
import { derive } from "./derive.ts";
import type { Writer } from "./keys.ts";

/** How far back a browser key may date its commands, in ms: as long as a telephone may have been off. */
const BACK = 31 * 86_400_000;

/** Behind every time that the store takes: two hundred years, in ms. */
const BEHIND = Date.UTC(2170, 0, 1);

/**
 * Why a browser key may not bring a command, if so. Such a key stands in pages, so whatever it may do everybody may do:
 * - it records and sets under anonymous identities (those that may stand in our cookie, since any UUID could be a user's id), and ties nobody;
 * - trusted, it may give names as well, and tie an anonymous identity to a name, but never a name to a name;
 * - it does not write history: back-dated further, it could change what was reported months ago.
 *
 * @param now ms since the epoch
 */
export function browserRefusal(command: Command, { trust }: Writer, now: number): KmError | undefined {
  const anonymous = isOurCookie(command.identity);
  if (command.type === "alias") {
    if (!trust) return new KmError("KM_KEY_BROWSER", "an alias");
    if (!anonymous && !isOurCookie(command.alias)) return new KmError("KM_KEY_BROWSER", "an alias of two names");
  } else if (!anonymous && !trust) return new KmError("KM_KEY_BROWSER", "a name");
  return command.time < now - BACK ? new KmError("KM_KEY_BROWSER_TIME", new Date(command.time).toISOString()) : undefined;
}

/**
 * The id under which a browser key's command is stored. Who knows or guesses the id of a server's command (those that an app gives can be guessed,
 * and those of classic calls be worked out) could otherwise send it first, under an anonymous identity of that person: an id counts once a person,
 * where it is earliest, and the server's command would not count. The same id still gives the same command, so retries are as harmless as ever.
 */
export function browserId(product: number, id: string): string {
  return derive("browser", String(product), id);
}

/** The time at which a name counts as written by a browser key: behind everybody else's, lest a page decide how people are shown a server's names. */
export function browserWriting(time: number): number {
  return time + BEHIND;
}

/** Whether a name was written by a browser key, by {@link browserWriting}. */
export function isBrowserWriting(time: number): boolean {
  return time >= BEHIND;
}
