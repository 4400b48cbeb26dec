import type { Person } from "@kmkit/collector";
import { Command } from "commander";
import { fail, UNKNOWN } from "./failure.ts";
import { readToken } from "./token.ts";

interface Options {
  url: string;
  data: string;
  admin?: string;
  product?: string;
  json?: boolean;
}

/** `kmkit person IDENTITY`: asks a running collector who somebody is. */
export function person(): Command {
  return new Command("person")
    .description("Show one person: all their identities, properties and events, newest first.")
    .argument("<identity>", "any identity of the person, such as an e-mail address")
    .option("--url <url>", "where the collector is (or KMKIT_URL)", process.env.KMKIT_URL ?? "http://127.0.0.1:8787")
    .option("--admin <token>", "the collector's admin token (or KMKIT_ADMIN)", process.env.KMKIT_ADMIN)
    .option("--data <directory>", "data directory of a collector on this machine, where its own token is", ".kmkit/data")
    .option("--product <product>", "which product, where the collector has several")
    .option("--json", "print the collector's answer as it is")
    .action(async (identity: string, options: Options) => run(identity, options).catch(fail));
}

async function run(identity: string, options: Options): Promise<void> {
  const url = new URL(`/v1/people/${encodeURIComponent(identity)}`, options.url);
  if (options.product !== undefined) url.searchParams.set("product", options.product);
  const token = options.admin ?? readToken(options.data);
  const response = await fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }).catch((cause) => {
    const why = cause.cause?.code ?? cause.message;
    return fail(`KM_COLLECTOR_UNREACHABLE: no collector answers at ${options.url} (${why}); start one with: npx kmkit collector`);
  });
  const text = await response.text();
  if (!response.ok) {
    const answer = parse(text);
    if (answer === undefined) fail(`${options.url} answers, but not as a collector does (status ${response.status}).`);
    if (options.json) process.stdout.write(`${text}\n`);
    fail(`${answer.code}: ${answer.message}`, answer.code === "KM_PERSON_UNKNOWN" ? UNKNOWN : 1);
  }
  process.stdout.write(options.json ? `${text}\n` : readable(JSON.parse(text) as Person));
}

function parse(text: string): { code: string; message: string } | undefined {
  try {
    const answer = JSON.parse(text);
    return typeof answer?.code === "string" ? answer : undefined;
  } catch {
    return undefined;
  }
}

/** A person as text for people: identities, properties, and events by day. */
function readable({ identities, properties, events, next }: Person): string {
  const named = identities.find((one) => !one.anonymous) ?? identities[0];
  const lines = [clean(named?.identity ?? "somebody"), "", "Identities"];
  for (const one of identities) {
    const kind = one.anonymous ? "anonymous" : "named";
    lines.push(
      `  ${clean(one.identity).padEnd(38)} ${kind.padEnd(9)}  ${plural(one.commands, "command")}, ${moment(one.first)} to ${moment(one.last)}`,
    );
  }
  const entries = Object.entries(properties);
  if (entries.length > 0) lines.push("", "Properties");
  for (const [name, { value, time }] of entries)
    lines.push(`  ${clean(name).padEnd(20)} ${clean(String(value)).padEnd(24)} ${moment(time)}`);
  lines.push("", events.length === 0 ? "No events yet" : "Events, newest first");
  for (const { name, time, identity, properties: own } of events) {
    const details = Object.entries(own).map(([key, value]) => `${key}: ${value}`);
    lines.push(`  ${moment(time)}  ${clean([name, ...details].join("  "))}  (${clean(identity)})`);
  }
  if (next !== null) lines.push("  … and older ones (--json shows the cursor)");
  return `${lines.join("\n")}\n`;
}

/** Names and values come from strangers: what would move the cursor or colour the terminal is shown as a question mark. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "?");
}

function moment(time: number): string {
  return new Date(time).toISOString().replace("T", " ").slice(0, 19);
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
