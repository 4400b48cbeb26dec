import { type Command, InvalidArgumentError, Option } from "commander";
import { fail } from "./failure.ts";
import { isThisMachine, readToken } from "./token.ts";

const COLLECTOR = "http://127.0.0.1:8787";

/** Which collector is read, and as whom. */
export interface ReadingOptions {
  readonly url: string;
  readonly data: string;
  readonly admin?: string;
  readonly product?: string;
}

/** Gives a command the options by which it finds a collector and may read it. */
export function withReading(command: Command): Command {
  return command
    .addOption(new Option("--url <url>", "where the collector is").env("KMKIT_URL").default(COLLECTOR).argParser(address))
    .addOption(new Option("--admin <token>", "the collector's admin token").env("KMKIT_ADMIN"))
    .option("--data <directory>", "data directory of a collector on this machine, where its own token is", ".kmkit/data")
    .option("--product <product>", "which product, where the collector has several");
}

/** The address of something that is read (`/v1/…`), with what it is asked for, and the headers that let one read. */
export function readingOf(options: ReadingOptions, path: string): { url: URL; headers: Record<string, string> } {
  const url = new URL(`${options.url.replace(/\/+$/, "")}${path}`);
  if (options.product !== undefined) url.searchParams.set("product", options.product);
  const token = options.admin || (isThisMachine(url.hostname) ? readToken(options.data) : undefined);
  return { url, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } };
}

/** Says that no collector answers, and ends with exit code 1. */
export function unreachable(options: ReadingOptions, cause: unknown): never {
  return fail(`KM_COLLECTOR_UNREACHABLE: no collector answers at ${options.url} (${whyOf(cause)}); start one with: npx kmkit collector`);
}

/** Says that whoever answers is no collector, and ends with exit code 1. */
export function foreign(options: ReadingOptions, status: number): never {
  return fail(`${options.url} answers, but not as a collector does (status ${status}).`);
}

/** Why a fetch failed, in a word. */
export function whyOf(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: string; message?: string }; message: string };
  return cause?.code ?? cause?.message ?? message;
}

function address(text: string): string {
  if (text === "") return COLLECTOR;
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) throw new InvalidArgumentError("a url is like http://127.0.0.1:8787.");
  return text;
}
