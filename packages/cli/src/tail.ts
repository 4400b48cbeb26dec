import { setTimeout } from "node:timers/promises";
import type { LiveCommand } from "@kmkit/collector";
import { printable } from "@kmkit/core";
import { Command } from "commander";
import { createParser } from "eventsource-parser";
import { fail } from "./failure.ts";
import { foreign, type ReadingOptions, readingOf, unreachable, whyOf, withReading } from "./reading.ts";
import { jsonLine, LineWriter } from "./tailline.ts";
import { plural } from "./text.ts";

/** How long to wait before the first try to connect again, and at the most, in ms. */
const FIRST_WAIT = 250;
const LONGEST_WAIT = 5000;
/** A stream that says nothing for so long is dead, in ms: the collector shows every 15 s that it is alive. */
const SILENCE = 45_000;
/** Most characters of one event; the largest command has some 3 million. */
const MOST_EVENT = 8 << 20;

interface Options extends ReadingOptions {
  readonly person: readonly string[];
  readonly event: readonly string[];
  readonly property: readonly string[];
  readonly json?: boolean;
}

/** `kmkit tail`: shows what a running collector receives, until it is told to end. */
export function tail(): Command {
  return withReading(new Command("tail"))
    .description("Show every command that comes in from now on, and what is refused, a line each.")
    .option("--person <identity>", "only commands of this person, by any identity of theirs", several, [])
    .option("--event <name>", "only records of this event", several, [])
    .option("--property <name[=value]>", "only commands with this property, or this value of it", several, [])
    .option("--json", "print one JSON object a line, whole")
    .addHelpText(
      "after",
      `
A filter that is given several times means any of them; different ones must all
hold. The connection is made anew when it is lost; what came meanwhile is not
shown. Ctrl-C ends it.`,
    )
    .action(async (options: Options) => run(options).catch(fail));
}

function several(text: string, before: readonly string[]): string[] {
  return [...before, text];
}

async function run(options: Options): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(0));
  const { url, headers } = readingOf(options, "/v1/live");
  for (const kind of ["person", "event", "property"] as const) for (const text of options[kind]) url.searchParams.append(kind, text);
  const show = printer(options);
  let [connected, wait] = [false, FIRST_WAIT];
  for (;;) {
    const abort = new AbortController();
    const silence = globalThis.setTimeout(() => abort.abort(new Error("it said nothing for too long")), SILENCE);
    const lost = (why: string) => {
      if (wait === FIRST_WAIT) say(`the collector is gone (${why}); trying again`);
    };
    try {
      const response = await fetch(url, { headers, signal: abort.signal }).catch((cause) => {
        if (!connected) unreachable(options, cause);
        throw cause;
      });
      if (await refuses(response, options, connected)) throw new Error(`status ${response.status}`);
      say(connected ? "connected again; what came meanwhile was not seen" : `looking on at ${options.url}; Ctrl-C ends it`);
      [connected, wait] = [true, FIRST_WAIT];
      lost((await follow(response, { show, alive: () => silence.refresh() })) ?? "the connection ended");
    } catch (cause) {
      lost(whyOf(cause));
    } finally {
      clearTimeout(silence);
    }
    await setTimeout(wait * (0.5 + Math.random() / 2));
    wait = Math.min(LONGEST_WAIT, 2 * wait);
  }
}

/** Whether the collector does not let one look on now. What trying again cannot help ends the process, and so does every refusal of a first try. */
async function refuses(response: Response, options: Options, connected: boolean): Promise<boolean> {
  if (response.ok && response.headers.get("content-type")?.startsWith("text/event-stream")) return false;
  if (connected && response.status >= 500) {
    await response.body?.cancel();
    return true;
  }
  const answer = (await response.json().catch(() => undefined)) as { code?: unknown; message?: unknown } | undefined;
  if (response.ok || typeof answer?.code !== "string") return foreign(options, response.status);
  return fail(`${answer.code}: ${answer.message}`);
}

interface Hearer {
  readonly show: (command: LiveCommand) => void;
  readonly alive: () => void;
}

/** Shows what comes until the stream ends; returns why, where the collector said so. */
async function follow(response: Response, { show, alive }: Hearer): Promise<string | undefined> {
  let reason: string | undefined;
  const parser = createParser({
    maxBufferSize: MOST_EVENT,
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") throw error;
    },
    onEvent: ({ event, data }) => {
      const said = JSON.parse(data);
      if (event === "command") show(said);
      else if (event === "missed") say(`${plural(said.count, "command")} not shown: more came than the collector can show beside its work`);
      else if (event === "end") reason = `${said.code}: ${said.message}`;
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    alive();
    parser.feed(decoder.decode(chunk, { stream: true }));
  }
  return reason;
}

function printer({ json }: Options): (command: LiveCommand) => void {
  if (json) return (command) => void process.stdout.write(`${jsonLine(command)}\n`);
  // See no-color.org.
  const lines = new LineWriter(process.stdout.isTTY && !process.env.NO_COLOR);
  return (command) => void process.stdout.write(`${lines.line(command)}\n`);
}

/** Says something that is no command. */
function say(text: string): void {
  process.stderr.write(`kmkit: ${printable(text.replace(/\s*\n\s*/g, " "))}\n`);
}
