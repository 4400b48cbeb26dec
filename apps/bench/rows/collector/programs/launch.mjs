// Starts the programs that the rows of the collector measure.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";

/** The collector as users start it. */
const cli = join(import.meta.dirname, "../../../../../packages/cli/dist/main.js");
const pins = cpus().length > 1 && spawnSync("taskset", ["--version"]).status === 0;

/** Programs under way: none may outlive the bench. @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Starts a program; `core` pins it where the machine can.
 *
 * @param {string} program a file of this folder, or a path
 * @param {readonly string[]} args
 * @param {number} [core]
 */
function start(program, args, core) {
  const call = [process.execPath, program.startsWith("/") ? program : join(import.meta.dirname, program), ...args];
  const [command = "", ...rest] = core === undefined || !pins ? call : ["taskset", "-c", String(core), ...call];
  const child = spawn(command, rest, { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let out = "";
  let log = "";
  child.stderr.on("data", (chunk) => {
    log = `${log}${chunk}`.slice(-2000);
  });
  const ended = new Promise((resolve) =>
    child.once("exit", (code) => {
      running.delete(child);
      resolve(code);
    }),
  );
  /** @type {(pattern: RegExp) => Promise<RegExpExecArray>} what it prints, once it matches */
  const printed = (pattern) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(out);
        if (found !== null) resolve(found);
      };
      child.stdout.on("data", (chunk) => {
        out += chunk;
        look();
      });
      void ended.then((code) => reject(new Error(`${program} ended with ${code}: ${out}${log}`)));
    });
  return {
    printed,
    pid: /** @type {number} */ (child.pid),
    /** @param {NodeJS.Signals} [signal] */
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      await ended;
    },
  };
}

/** A server that prints `{"port":…}`. @param {string} program @param {readonly string[]} args @param {number} [core] */
export async function serve(program, args, core) {
  const child = start(program, args, core);
  const [, port] = await child.printed(/"port":(\d+)/);
  return { ...child, port: Number(port), url: `http://127.0.0.1:${port}` };
}

/** The collector on a directory, without keys. @param {string} directory */
export async function startCollector(directory) {
  const child = start(cli, ["collector", "--port", "0", "--data", directory]);
  const [, port] = await child.printed(/ready on http:\/\/127\.0\.0\.1:(\d+)/);
  return { ...child, port: Number(port), url: `http://127.0.0.1:${port}` };
}

/** Runs a program to its end and gives what it prints as JSON. @param {string} program @param {readonly (string | number)[]} args @param {number} [core] @returns {Promise<any>} */
export async function run(program, args, core) {
  const [text] = await start(program, args.map(String), core).printed(/^\{.*\}$/m);
  return JSON.parse(text);
}

/**
 * Sends as fast as answers come.
 *
 * @param {{ port: number, kind: "commands" | "pixels", connections: number, seconds: number, first?: number, rate?: number, core?: number }} load
 * @returns {Promise<{ sent: number, refused: number, seconds: number }>}
 */
export const load = ({ port, kind, connections, seconds, first = 0, rate = 0, core }) =>
  run("load.mjs", [port, kind, connections, seconds, first, rate], core);

/** Memory of a process in MB, at the moment and at the most. Linux only. @param {number} pid */
export function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mb = (/** @type {string} */ name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
  return { now: mb("VmRSS"), peak: mb("VmHWM"), anonymous: mb("RssAnon") };
}

/** Does some work with a directory that is gone afterwards. @template T @param {(directory: string) => Promise<T>} work @returns {Promise<T>} */
export async function inDirectory(work) {
  const directory = mkdtempSync(join(tmpdir(), "kmkit-bench-collector-"));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @param {number} ms @returns {Promise<void>} */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {readonly number[]} figures */
export function median(figures) {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? Number(sorted[middle]) : (Number(sorted[middle - 1]) + Number(sorted[middle])) / 2;
}

/** What runs once, however many rows look at it. @template A, T @param {(argument: A) => Promise<T>} work @returns {(argument: A) => Promise<T>} */
export function once(work) {
  /** @type {Map<A, Promise<T>>} */
  const done = new Map();
  return (argument) => {
    const begun = done.get(argument) ?? work(argument);
    done.set(argument, begun);
    return begun;
  };
}
