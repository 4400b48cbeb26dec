/** What a classic call does: record, set or alias. */
export type Kind = "e" | "s" | "a";

/** Where a classic call goes: what it does, and the parameters in its URL, still encoded. */
export interface Target {
  readonly kind: Kind;
  readonly query: string;
}

const slash = "/".charCodeAt(0);
const question = "?".charCodeAt(0);

/**
 * The classic call that a request target names (RFC 9112 §3.2), or undefined for any other address. Clients send the target as a proxy would get it
 * (`http://trk.kissmetrics.com/e?…`), and put host and path together so that a slash comes twice or at the end; so these are taken. `/E` is none:
 * nothing makes it by accident, and its sender should see the 404. A `#` is no fragment here: those who do not escape it mean it as a value.
 */
export function classicTarget(target: string): Target | undefined {
  // What nearly all of them are.
  if (target.charCodeAt(0) === slash && (target.length === 2 || target.charCodeAt(2) === question)) {
    const letter = target.charAt(1);
    return letter === "e" || letter === "s" || letter === "a" ? { kind: letter, query: target.slice(3) } : undefined;
  }
  const [, kind, query = ""] = /^(?:https?:\/\/[^/?#]*)?\/{1,2}([esa])\/?(?:\?(.*))?$/is.exec(target) ?? [];
  return kind === "e" || kind === "s" || kind === "a" ? { kind, query } : undefined;
}

/** The host that a target in absolute form names; it stands above the `Host` header (RFC 9112 §3.2.2). */
export function authorityOf(target: string): string | undefined {
  return /^https?:\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(target)?.[1];
}
