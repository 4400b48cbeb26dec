import { styleText } from "node:util";
import type { LiveCommand } from "@kmkit/collector";
import { printable } from "@kmkit/core";
import { moment } from "./text.ts";

/** Most characters of a name or value that are shown. */
const LONG = 80;
/** Most properties that are shown. */
const MOST_PROPERTIES = 20;
/** The latest time that a date can have, in ms: what was refused may say any number. */
const LATEST = 8.64e15;

/** The words and colours of a line. */
type Paint = (style: "dim" | "bold" | "red" | "green" | "yellow" | "cyan", text: string) => string;

/** Makes a line of text of each command; the column of people grows with them. Nothing of a command reaches the terminal as a control character. */
export class LineWriter {
  private readonly paint: Paint;
  private width = 24;

  constructor(colours: boolean) {
    this.paint = colours ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text;
  }

  /**
   * A command in the words of the API.
   *
   * @example
   * lines.line(command); // 2026-01-31 12:00:00  bob@bob.com               record "Signed Up"  Plan: Pro
   */
  line(command: LiveCommand): string {
    const { time, received, person, identity, refused } = command;
    const at = [time, received].find((one) => one !== undefined && Math.abs(one) <= LATEST);
    const when = at === undefined ? "-".padEnd(19) : moment(at);
    const who = shown(person?.identity ?? identity ?? "-", 40);
    this.width = Math.max(this.width, who.length);
    const style = person?.anonymous === false ? "bold" : "dim";
    const why = refused === undefined ? [] : [this.paint("red", `refused ${shown(refused.code)}`)];
    // Of what could not be read the message is all there is.
    if (refused !== undefined && command.type === undefined) why.push(shown(refused.message, 200));
    const what = command.type === undefined ? rest(command) : this.act(command);
    return [this.paint("dim", when), this.paint(style, who.padEnd(this.width)), ...why, ...what].join("  ").trimEnd();
  }

  private act(command: LiveCommand): string[] {
    const { type = "", name, identity, alias } = command;
    const verb = this.paint(type === "record" ? "green" : type === "set" ? "cyan" : "yellow", shown(type).padEnd(6));
    if (type === "record") return [`${verb} ${this.paint("bold", `"${shown(name ?? "")}"`)}`, ...properties(command)];
    if (type === "set") {
      const [first = "", ...more] = properties(command);
      return [`${verb} ${first}`, ...more];
    }
    return [`${verb} ${shown(identity ?? "?")} = ${shown(alias ?? "?")}`];
  }
}

/** What there is of a command that has no type of ours. */
function rest(command: LiveCommand): string[] {
  return [...(command.name === undefined ? [] : [`"${shown(command.name)}"`]), ...properties(command)];
}

function properties({ properties = {} }: LiveCommand): string[] {
  const entries = Object.entries(properties);
  const texts = entries.slice(0, MOST_PROPERTIES).map(([name, value]) => `${shown(name)}: ${shown(String(value))}`);
  return entries.length > MOST_PROPERTIES ? [...texts, `… ${entries.length - MOST_PROPERTIES} more`] : texts;
}

/** A text of a stranger's, cut. */
function shown(text: string, most: number = LONG): string {
  const cut = text.length > most ? `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…` : text;
  return printable(cut.toWellFormed());
}

/** What JSON lets stand as it is, and {@link printable} does not. */
const special = /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A command as one line of JSON, whole: what a terminal could take for a command of its own is escaped. */
export function jsonLine(command: LiveCommand): string {
  return JSON.stringify(command).replace(special, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
