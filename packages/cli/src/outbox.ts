import type { DeadLetter } from "@kmkit/core";
import { printable } from "@kmkit/core";
import { clearDeadLetters, deadLetters, inspectOutbox, type OutboxState, retryDeadLetters } from "@kmkit/node";
import { Command, Option } from "commander";
import { fail } from "./failure.ts";
import { moment, plural } from "./text.ts";

const DIRECTORY = ".kmkit/outbox";

interface Options {
  directory: string;
  json?: boolean;
}

/** `kmkit outbox`: what waits in an outbox directory of this machine, and what becomes of its dead letters. */
export function outbox(program: Command): Command {
  const command = new Command("outbox")
    .copyInheritedSettings(program)
    .description("Look into an outbox: what waits, why, and which commands were refused.")
    .addHelpText(
      "after",
      `
Dead letters are commands that the collector refused for good.
It works while a process of the directory runs, and when none does.
A collector has an outbox, too: --directory .kmkit/data/outbox`,
    );
  for (const sub of [show(), letters(), retry(), clear()]) {
    sub.addOption(
      new Option("--directory <directory>", "the outbox")
        .env("KMKIT_OUTBOX")
        .default(DIRECTORY)
        .argParser((text) => text || DIRECTORY),
    );
    command.addCommand(sub.copyInheritedSettings(command), { isDefault: sub.name() === "show" });
  }
  return command;
}

function show(): Command {
  return new Command("show")
    .description("Show what waits, since when, the last error, and dead letters by code.")
    .option("--json", "print it as JSON")
    .action(async (options: Options) => {
      const [state, refused] = await Promise.all([inspectOutbox(options.directory), deadLetters(options.directory)]).catch(fail);
      const codes = byCode(refused);
      process.stdout.write(options.json ? `${JSON.stringify({ ...state, deadLettersByCode: codes })}\n` : readable(state, codes));
    });
}

function letters(): Command {
  return new Command("letters")
    .description("Print the dead letters: when and why each was refused, and the command.")
    .option("--json", "print one JSON object a line")
    .action(async ({ directory, json }: Options) => {
      const all = await deadLetters(directory).catch(fail);
      for (const letter of all) {
        const { time, code, detail, line } = letter;
        const text = `${moment(time)}  ${printable(`${code}${detail === "" ? "" : `: ${detail}`}`)}\n  ${printable(line)}`;
        process.stdout.write(`${json ? JSON.stringify(letter) : text}\n`);
      }
      if (all.length === 0 && !json) process.stdout.write("No dead letters\n");
    });
}

function retry(): Command {
  return new Command("retry")
    .description("Let the dead letters wait again: the directory's process sends them.")
    .action(async ({ directory }: Options) => {
      const count = await retryDeadLetters(directory).catch(fail);
      const then = count === 0 ? "" : "; a running process of this directory sends them within seconds, otherwise the next one that starts";
      process.stdout.write(`${plural(count, "command")} will be sent again${then}\n`);
    });
}

function clear(): Command {
  return new Command("clear").description("Delete the dead letters for ever.").action(async ({ directory }: Options) => {
    const count = await clearDeadLetters(directory).catch(fail);
    process.stdout.write(`${plural(count, "dead letter")} deleted\n`);
  });
}

function byCode(refused: readonly DeadLetter[]): Record<string, number> {
  const codes: Record<string, number> = {};
  for (const { code } of refused) codes[code] = (codes[code] ?? 0) + 1;
  return codes;
}

function readable(state: OutboxState, codes: Readonly<Record<string, number>>): string {
  const { waiting, waitingBytes, oldest, fault, broken, sender } = state;
  const lines = [`Waiting       ${plural(waiting, "command")}, ${plural(waitingBytes, "byte")}`];
  if (oldest !== undefined) lines.push(`Oldest        ${moment(oldest)}, ${age(Date.now() - oldest)} ago`);
  const error = fault && `${fault.code}${fault.detail === undefined ? "" : `: ${fault.detail}`}`;
  lines.push(`Last error    ${fault === undefined ? "none" : `${moment(fault.time)}  ${printable(error ?? "")}`}`);
  lines.push(`Sending       ${sender === undefined ? "nobody at this moment" : `process ${sender.pid} on ${printable(sender.host)}`}`);
  lines.push(`Dead letters  ${state.deadLetters === 0 ? "none" : state.deadLetters}`);
  for (const [code, count] of Object.entries(codes)) lines.push(`  ${printable(code)}  ${count}`);
  if (broken > 0) lines.push(`Damaged       ${plural(broken, "byte")} of lines in broken.ndjson, which cannot be sent`);
  return `${lines.join("\n")}\n`;
}

function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return plural(seconds, "second");
  if (seconds < 7200) return plural(Math.floor(seconds / 60), "minute");
  return seconds < 172_800 ? plural(Math.floor(seconds / 3600), "hour") : plural(Math.floor(seconds / 86_400), "day");
}
