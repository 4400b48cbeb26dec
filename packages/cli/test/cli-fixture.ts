import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export const main: string = fileURLToPath(new URL("../bin/kmkit.js", import.meta.url));

type Environment = Readonly<Record<string, string>>;

/** What a call of `kmkit` came to. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory that is gone when the test is over. */
export async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "kmkit-cli-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The variables of this process without those that kmkit reads. */
function environment(own: Environment): Record<string, string | undefined> {
  const rest = Object.entries(process.env).filter(([name]) => !name.startsWith("KMKIT_") && name !== "NODE_OPTIONS");
  return { ...Object.fromEntries(rest), ...own };
}

function start(words: readonly string[], cwd: string, own: Environment): { child: ChildProcess; outcome: Promise<Outcome> } {
  const child = spawn(process.execPath, [main, ...words], { cwd, env: environment(own), stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk) => {
    stderr += chunk;
  });
  const outcome = new Promise<Outcome>((resolve) => child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr })));
  return { child, outcome };
}

/** Runs `kmkit` to its end. */
export function kmkit(words: readonly string[], { cwd = tmpdir(), env = {} }: { cwd?: string; env?: Environment } = {}): Promise<Outcome> {
  return start(words, cwd, env).outcome;
}

/** A call of `kmkit` that goes on. */
export interface Call {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
  /** Waits until it has printed something so, on either of its streams; throws what it said if it ends before. */
  said(pattern: RegExp): Promise<string>;
}

/** Starts `kmkit`; it is killed when the test is over. */
export function launch(words: readonly string[], { cwd = tmpdir(), env = {} }: { cwd?: string; env?: Environment } = {}): Call {
  const { child, outcome } = start(words, cwd, env);
  let text = "";
  const looks = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk) => {
      text += chunk;
      for (const look of looks) look();
    });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await outcome;
  });
  const said = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(text);
        if (found === null) return;
        looks.delete(look);
        resolve(found[0]);
      };
      looks.add(look);
      look();
      outcome.then(({ code, stderr }) => reject(new Error(`it ended with ${code}: ${stderr}`)));
    });
  return { child, outcome, said };
}

/** A collector in a process of its own. */
export interface Child {
  readonly url: string;
  /** All that it has printed when it is ready. */
  readonly greeting: string;
  readonly outcome: Promise<Outcome>;
  signal(signal: NodeJS.Signals): Promise<Outcome>;
}

/** Starts `kmkit collector --port 0` and waits for its line. It is killed when the test is over. Throws what it said if it does not come up. */
export async function startCollector(
  words: readonly string[],
  { cwd = tmpdir(), env = {} }: { cwd?: string; env?: Environment } = {},
): Promise<Child> {
  const { child, outcome } = start(["collector", "--port", "0", ...words], cwd, env);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await outcome;
  });
  const greeting = new Promise<string>((resolve) => {
    let text = "";
    child.stdout?.on("data", (chunk) => {
      text += chunk;
      if (/^kmkit collector ready on http:\/\/\S+\n/m.test(text)) resolve(text);
    });
  });
  const ended = outcome.then(({ code, stderr }) => {
    throw new Error(`the collector ended with ${code}: ${stderr}`);
  });
  const text = await Promise.race([greeting, ended]);
  ended.catch(() => {});
  return {
    url: /ready on (\S+)/.exec(text)?.[1] as string,
    greeting: text,
    outcome,
    signal: (signal) => {
      child.kill(signal);
      return outcome;
    },
  };
}
