import type { ReceivedCommand } from "./receiver.ts";

const types = { e: "record", s: "set", a: "alias" } as const;

/** A call of the classic API, read as plainly as its documentation has it: nothing is cleaned, cut or guessed. Undefined for another address. */
export function classicCommand(path: string, body: string): ReceivedCommand | undefined {
  const [, kind, query = ""] = /^\/([esa])(?:\?(.*))?$/s.exec(path) ?? [];
  if (kind === undefined) return undefined;
  const { _p: identity = "", _n: name = "", _t: time, _d, _k, ...properties } = Object.fromEntries(new URLSearchParams(`${query}&${body}`));
  const type = types[kind as keyof typeof types];
  const about = { id: "", type, time: _d === "1" ? Number(time) * 1000 : Number.NaN, identity };
  if (type === "alias") return { ...about, alias: name };
  return type === "set" ? { ...about, properties } : { ...about, name, properties };
}
