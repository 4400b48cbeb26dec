import type { Beneath } from "@kmkit/core";

/** The Node response that `@hono/node-server` hands to every request, as far as headers go. */
export interface Outgoing extends Beneath {
  writeHead(status: number, ...rest: unknown[]): unknown;
  appendHeader(name: string, value: string): unknown;
  setHeader(name: string, value: string): unknown;
}

type Headers = Readonly<Record<string, string | number | readonly string[]>>;

/**
 * Puts headers on a Node response at the moment its headers are written, beside those of the answer. Into the answer itself they could be put only
 * by making another one of it, since it may be everybody's; and that costs `@hono/node-server` its short way, some fifty microseconds a request.
 *
 * @returns puts a header: a `Set-Cookie` beside the answer's own, any other in the place of the answer's
 */
export function lateHeaders(outgoing: Outgoing): (name: string, value: string) => void {
  const late: [name: string, value: string][] = [];
  const { writeHead } = outgoing;
  outgoing.writeHead = function (this: Outgoing, status, ...rest) {
    const given = late.length > 0 ? headersOf(rest.at(-1)) : undefined;
    if (given !== undefined) rest[rest.length - 1] = merged(given, late.splice(0), this);
    for (const [name, value] of late.splice(0)) {
      if (name === "set-cookie") this.appendHeader(name, value);
      else this.setHeader(name, value);
    }
    return writeHead.call(this, status, ...rest);
  };
  return (name, value) => void late.push([name, value]);
}

/** The headers that `writeHead` is given, if any: by name, as a list of pairs, or as a flat list. */
function headersOf(given: unknown): Headers | undefined {
  if (typeof given !== "object" || given === null) return undefined;
  if (!Array.isArray(given)) return given as Headers;
  const out: Record<string, Headers[string]> = {};
  const flat: Headers[string][] = Array.isArray(given[0]) ? given.flat() : given;
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [name, value] = [String(flat[at]), flat[at + 1] as Headers[string]];
    out[name] = out[name] === undefined ? value : [...linesOf(out[name]), ...linesOf(value)];
  }
  return out;
}

/** What `writeHead` is given takes the place of what was set before, so the lines of all cookies have to be in it: also those set beneath. */
function merged(given: Headers, late: readonly (readonly [string, string])[], outgoing: Outgoing): Headers {
  const out: Record<string, string | number | readonly string[]> = {};
  const set = [...linesOf(valueIn(given, "set-cookie")), ...linesOf(outgoing.getHeader("set-cookie"))];
  for (const [name, value] of Object.entries(given)) if (!late.some(([other]) => other === name.toLowerCase())) out[name] = value;
  for (const [name, value] of late) {
    if (name !== "set-cookie") out[name] = value;
    else out[name] = [...(out[name] === undefined ? set : linesOf(out[name])), value];
  }
  return out;
}

function valueIn(headers: Headers, name: string): Headers[string] | undefined {
  return Object.entries(headers).find(([other]) => other.toLowerCase() === name)?.[1];
}

function linesOf(value: Headers[string] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === "object" ? value : [String(value)];
}
