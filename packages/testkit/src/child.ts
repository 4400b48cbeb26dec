import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A child process of a test: a real one, that can really be killed. */
export interface Child {
  readonly process: ChildProcess;
  /** Waits for a line of its standard output that begins so, and gives the rest of it. Rejects if the process ends first. */
  line(start: string): Promise<string>;
  /** Everything it has written to standard output and standard error so far. */
  readonly output: { out: string; error: string };
  /** How it ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/**
 * Runs a program text as an ES module in a child process. Packages resolve as they do for a file in `cwd`, so it uses what is built.
 *
 * @example
 * const child = startChild(`console.log("ready")`, { cwd: import.meta.dirname });
 * await child.line("ready");
 * child.process.kill("SIGKILL");
 */
export function startChild(source: string, { cwd, env = {} }: { cwd: string; env?: Record<string, string> }): Child {
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    cwd,
    env: { PATH: process.env.PATH ?? "", ...env },
    stdio: ["pipe", "pipe", "pipe", "ipc"],
  });
  const output = { out: "", error: "" };
  const waiting: (() => void)[] = [];
  const tell = () => {
    for (const look of [...waiting]) look();
  };
  child.stdout?.on("data", (chunk) => {
    output.out += chunk;
    tell();
  });
  child.stderr?.on("data", (chunk) => {
    output.error += chunk;
  });
  const ended = once(child, "close").then(([code, signal]) => {
    tell();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  const find = (start: string) => /^.*(?=\n)/m.exec(output.out.slice(indexOfLine(output.out, start)))?.[0];
  return {
    process: child,
    output,
    ended,
    line: (start) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = indexOfLine(output.out, start) < 0 ? undefined : find(start);
          if (found !== undefined) {
            waiting.splice(waiting.indexOf(look), 1);
            resolve(found.slice(start.length).trim());
          } else if (child.exitCode !== null || child.signalCode !== null) {
            reject(new Error(`ended without the line ${start}: ${output.out}${output.error}`));
          }
        };
        waiting.push(look);
        look();
      }),
  };
}

function indexOfLine(text: string, start: string): number {
  return text.startsWith(start) ? 0 : text.includes(`\n${start}`) ? text.indexOf(`\n${start}`) + 1 : -1;
}
