import type { Person } from "@kmkit/collector";
import { printable } from "@kmkit/core";
import { Command } from "commander";
import { fail, UNKNOWN } from "./failure.ts";
import { foreign, type ReadingOptions, readingOf, unreachable, withReading } from "./reading.ts";
import { moment, plural } from "./text.ts";

interface Options extends ReadingOptions {
  readonly json?: boolean;
}

/** `kmkit person IDENTITY`: asks a running collector who somebody is. */
export function person(): Command {
  return withReading(new Command("person"))
    .description("Show one person: all their identities, properties and events, newest first.")
    .argument("<identity>", "any identity of the person, such as an e-mail address")
    .option("--json", "print the collector's answer as it is")
    .action(async (identity: string, options: Options) => run(identity, options).catch(fail));
}

async function run(identity: string, options: Options): Promise<void> {
  const { url, headers } = readingOf(options, `/v1/people?identity=${encodeURIComponent(identity)}`);
  const response = await fetch(url, { headers }).catch((cause) => unreachable(options, cause));
  const text = await response.text();
  const answer = parse(text);
  const behind = response.headers.get("km-behind");
  if (behind !== null) process.stderr.write(`This may be incomplete: ${behind} commands that came before are not stored yet.\n`);
  if (response.ok && Array.isArray(answer?.identities)) {
    process.stdout.write(options.json ? `${text}\n` : readable(answer as Person));
    return;
  }
  if (typeof answer?.code !== "string") foreign(options, response.status);
  if (options.json) process.stdout.write(`${text}\n`);
  fail(`${answer.code}: ${answer.message}`, answer.code === "KM_PERSON_UNKNOWN" ? UNKNOWN : 1);
}

function parse(text: string): (Partial<Person> & { code?: unknown; message?: unknown }) | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A person as text for people: identities, properties, and events by day. */
function readable({ identities, properties, events, next }: Person): string {
  const named = identities.find((one) => !one.anonymous) ?? identities[0];
  const lines = [printable(named?.identity ?? "somebody"), "", "Identities"];
  for (const one of identities) {
    const kind = one.anonymous ? "anonymous" : "named";
    lines.push(
      `  ${printable(one.identity).padEnd(38)} ${kind.padEnd(9)}  ${plural(one.commands, "command")}, ${moment(one.first)} to ${moment(one.last)}`,
    );
  }
  const entries = Object.entries(properties);
  if (entries.length > 0) lines.push("", "Properties");
  for (const [name, { value, time }] of entries)
    lines.push(`  ${printable(name).padEnd(20)} ${printable(String(value)).padEnd(24)} ${moment(time)}`);
  lines.push("", events.length === 0 ? "No events yet" : "Events, newest first");
  for (const { name, time, identity, properties: own } of events) {
    const details = Object.entries(own).map(([key, value]) => `${key}: ${value}`);
    lines.push(`  ${moment(time)}  ${printable([name, ...details].join("  "))}  (${printable(identity)})`);
  }
  if (next !== null) lines.push("  … and older ones (--json shows the cursor)");
  return `${lines.join("\n")}\n`;
}
