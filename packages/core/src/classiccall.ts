import type { Command } from "./command.ts";
import { KmError, type Report } from "./errors.ts";

/** A command as a call of the classic API: where it goes, and its parameters, encoded for a query as well as for a form. */
export interface ClassicCall {
  readonly path: "/e" | "/s" | "/a";
  readonly form: string;
}

/** The parameters by which the classic API says what a call is about, in any case of letters: no property may be taken for one. */
const reserved = /^_(k|p|n|t|d|ip|ua)$/i;

/** Makes classic calls for one key. Of each property whose name has to be changed it speaks once. */
export class ClassicCalls {
  private readonly key: string;
  private readonly renamed = new Set<string>();

  constructor(key: string) {
    this.key = encode(key);
  }

  /**
   * The call of a command: `/e` records, `/s` sets, `/a` aliases (KISSmetrics, "specifications"). The time is given in whole seconds, together with
   * `_d=1`, without which a receiver takes its own.
   */
  of(command: Command, report: Report): ClassicCall {
    const { type, identity } = command;
    const time = Math.floor(command.time / 1000);
    const start = (name: string) => `_k=${this.key}&_p=${encode(identity)}${name === "" ? "" : `&_n=${encode(name)}`}&_t=${time}&_d=1`;
    if (type === "alias") return { path: "/a", form: start(command.alias) };
    const own: string[] = [];
    const changed: string[] = [];
    for (const [name, value] of Object.entries(command.properties)) {
      const free = reserved.test(name) ? this.rename(name, report) : undefined;
      (free === undefined ? own : changed).push(`&${encode(free ?? name)}=${encode(String(value))}`);
    }
    // Of two parameters of one name the last counts: the app's own.
    const rest = [...changed, ...own].join("");
    return type === "record" ? { path: "/e", form: start(command.name) + rest } : { path: "/s", form: start("") + rest };
  }

  private rename(name: string, report: Report): string {
    const free = `_${name}`;
    if (!this.renamed.has(name)) report(new KmError("KM_PROPERTY_RESERVED", `${name} goes out as ${free}`));
    this.renamed.add(name);
    return free;
  }
}

/** Everything but letters, digits and `-._` is encoded, a space as `%20`: what else may stand in a query, receivers do not agree about. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
