import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** What to run as a process of its own. */
export interface Launch {
  readonly script: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A server that runs as a process of its own. */
export interface Child {
  /** Where it listens, as soon as it says so; `undefined` if it ended before. */
  readonly url: Promise<string | undefined>;
  /** Settles when the process is over, however that came. */
  readonly exited: Promise<void>;
  /** Asks it to finish, and waits until it has. */
  end(): Promise<void>;
  /** Ends it at once. */
  kill(): void;
}

const LEASH = new URL("./leash.js", import.meta.url).href;
const READY = / ready on (http:\/\/\S+)$/;
/** How long a child may take to finish, in milliseconds, before it is killed. What it has not sent by then waits on disk. */
const GRACE = 8000;

/** Starts a Node script that says `… ready on http://…` when it is up. What else it says is passed on. */
export function launch({ script, args, env }: Launch): Child {
  const child = spawn(process.execPath, ["--import", LEASH, script, ...args], {
    // A process group of its own: a Ctrl-C in the terminal reaches the parent alone, which ends its children in the right order.
    detached: true,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  const exited = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  const url = new Promise<string | undefined>((resolve) => {
    void exited.then(() => resolve(undefined));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const address = READY.exec(line)?.[1];
      if (address === undefined) console.log(line);
      else resolve(address);
    });
  });
  return {
    url,
    exited,
    kill,
    async end() {
      child.kill("SIGTERM");
      const late = setTimeout(kill, GRACE);
      await exited;
      clearTimeout(late);
    },
  };
}
