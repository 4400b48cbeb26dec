import { resolve } from "node:path";
import { createKey, type KeyInfo, type KeyKind, listKeys, type MadeKey, revokeKey, rotateKey } from "@kmkit/collector";
import { printable } from "@kmkit/core";
import { Command, InvalidArgumentError, Option } from "commander";
import { fail } from "./failure.ts";
import { moment, plural } from "./text.ts";
import { ownToken } from "./token.ts";

const DIRECTORY = ".kmkit/data";

interface Options {
  data: string;
  json?: boolean;
}

/** `kmkit keys`: who may send to the collector of a data directory. */
export function keys(program: Command): Command {
  const command = new Command("keys")
    .copyInheritedSettings(program)
    .description("Who may send: make, list, replace and revoke the keys of a collector.")
    .addHelpText(
      "after",
      `
It works on the data directory, whether its collector runs or not; one that
runs takes every change within a second.
A server key is secret and may name anybody. A browser key stands in pages, so
everybody has it: it records under anonymous identities only. No key reads.`,
    );
  for (const sub of [create(), list(), rotate(), revoke()]) {
    sub
      .option("--data <directory>", "data directory of the collector", DIRECTORY)
      .option("--json", "print it as JSON")
      .copyInheritedSettings(command);
    command.addCommand(sub);
  }
  return command;
}

interface Creation extends Options {
  product: string;
  kind: KeyKind;
  label?: string;
  trustBrowserIdentify?: boolean;
}

function create(): Command {
  return new Command("create")
    .description("Make a key and print it, this once. A product is there as soon as it has a key.")
    .requiredOption("--product <name>", "the product whose commands it brings")
    .addOption(new Option("--kind <kind>", "what it may do").choices(["server", "browser"]).makeOptionMandatory())
    .option("--label <text>", "what people should know of it")
    .option(
      "--trust-browser-identify",
      "let a browser key name people, as KISSmetrics' keys may: whoever opens the page can then write as anybody",
    )
    .action(async ({ data, json, trustBrowserIdentify = false, ...wanted }: Creation) => {
      const directory = resolve(data || DIRECTORY);
      if (trustBrowserIdentify && wanted.kind === "server")
        fail("--trust-browser-identify is for browser keys: a server key may name anybody.");
      const made = await createKey(directory, { ...wanted, trustBrowserIdentify }).catch(fail);
      // For the collector of this machine, which from the first key on lets only those read who have it.
      const file = tokenFile(directory);
      print(json, { ...made, directory, adminToken: file ?? null }, () => [
        ...told(made, directory),
        file === undefined
          ? `Reading needs an admin token, and none could be kept in ${directory}: give the collector one by --admin.`
          : `Reading needs the admin token: ${file}, where kmkit person finds it (unless the collector has another by --admin).`,
      ]);
    });
}

function list(): Command {
  return new Command("list")
    .description("Show the keys: of the keys themselves only how they begin.")
    .action(async ({ data, json }: Options) => {
      const all = await listKeys(resolve(data || DIRECTORY)).catch(fail);
      print(json, all, () =>
        all.length === 0 ? ["No keys: a collector of this directory is open to this machine, with the key local"] : table(all),
      );
    });
}

function rotate(): Command {
  return new Command("rotate")
    .description("Make a new key of the same product and kind; the old one is taken for a while longer.")
    .argument("<id>", "the id or its beginning, or the key itself")
    .addOption(
      new Option("--overlap <duration>", "how long the old one is taken: 0, 30m, 24h, 7d")
        .argParser(duration)
        .default(duration("7d"), "7d"),
    )
    .action(async (id: string, { data, json, overlap }: Options & { overlap: number }) => {
      const directory = resolve(data || DIRECTORY);
      const { made, replaced } = await rotateKey(directory, id, overlap).catch(fail);
      print(json, { made, replaced, directory }, () => [
        ...told(made, directory),
        replaced.state === "valid"
          ? `The old one, ${nameOf(replaced)}, is taken until ${moment(Date.parse(replaced.expires as string))} UTC: put the new one in its place before.`
          : `The old one, ${nameOf(replaced)}, is refused within a second.`,
      ]);
    });
}

function revoke(): Command {
  return new Command("revoke")
    .description("End a key, at once and for good.")
    .argument("<id>", "the id or its beginning, or the key itself")
    .action(async (id: string, { data, json }: Options) => {
      const { key, already, left } = await revokeKey(resolve(data || DIRECTORY), id).catch(fail);
      print(json, { ...key, already, left }, () => [
        `${already ? "Revoked before" : "Revoked"}: ${nameOf(key)}`,
        "A running collector refuses it within a second: /v1/commands answers 401 KM_KEY_REFUSED, and kmkit's clients keep their commands until",
        "they get another key; classic calls (/e, /s, /a) get their picture, and what they say is dropped. What came before stays.",
        left === 0
          ? `Product ${key.product} has no valid key left. Make one: npx kmkit keys create --product ${key.product} --kind ${key.kind}`
          : `Product ${key.product} has ${plural(left, "valid key")} left.`,
      ]);
    });
}

function print(json: boolean | undefined, object: unknown, lines: () => readonly string[]): void {
  process.stdout.write(json ? `${JSON.stringify(object)}\n` : `${lines().join("\n")}\n`);
}

/** What to do with a new key. The key stands alone on the first line, for `| head -1`. */
function told(made: MadeKey, directory: string): string[] {
  const { key, id, product, kind, first, newProduct, trustBrowserIdentify } = made;
  const lines = [
    key,
    "",
    `${kind === "server" ? "A server key" : "A browser key"} of ${newProduct ? "the new product" : "product"} ${product}, id ${id}. It is shown only now: what is kept is its hash.`,
  ];
  if (kind === "server") lines.push("Keep it secret. Give it to the app as KMKIT_KEY, or to a classic client as its API key.");
  else if (trustBrowserIdentify)
    lines.push("It stands in pages, so whoever opens one can write as anybody. Use it only where KISSmetrics' script needs it.");
  else lines.push("It may stand in pages: it records under anonymous identities only, and names nobody.");
  lines.push(`The collector of ${directory} takes it within a second if it runs, otherwise when it starts.`);
  if (first)
    lines.push(
      "It is the first key here: a collector that was open to this machine is so no longer, and the key local ends. What came so far is in product local.",
    );
  return lines;
}

function nameOf({ kind, id, start, product }: KeyInfo): string {
  return `${kind} key ${id} (${start}…) of product ${product}`;
}

/** Where the admin token is; undefined where none could be made, which is no reason to lose a key that was. */
function tokenFile(directory: string): string | undefined {
  try {
    return ownToken(directory).file;
  } catch {
    return undefined;
  }
}

/** Columns as wide as what stands in them. */
function table(all: readonly KeyInfo[]): string[] {
  const rows = [
    ["ID", "KEY", "KIND", "PRODUCT", "CREATED (UTC)", "STATE", "LABEL"],
    ...all.map((key) => [
      key.id,
      `${key.start}…`,
      `${key.kind}${key.trustBrowserIdentify ? ", trusted" : ""}`,
      key.product,
      moment(Date.parse(key.created)),
      stateOf(key),
      printable(key.label ?? ""),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function stateOf({ state, expires, revoked }: KeyInfo): string {
  if (state === "revoked") return `revoked ${moment(Date.parse(revoked as string))}`;
  if (expires === undefined) return state;
  return `${state === "valid" ? "ends" : "ended"} ${moment(Date.parse(expires))}`;
}

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `0`, `30m`, `24h`, `7d` in ms. */
function duration(text: string): number {
  const [, count, unit] = /^(\d{1,4})([smhd])$/.exec(text) ?? (text === "0" ? [text, "0", "s"] : []);
  if (count === undefined || unit === undefined) throw new InvalidArgumentError("a duration is 0, or like 30m, 24h or 7d.");
  return Number(count) * (units[unit] as number);
}
