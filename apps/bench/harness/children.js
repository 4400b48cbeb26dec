import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onCore } from "./machine.js";

/** @typedef {import("../programs/sink.js").SinkStats} SinkStats */

const programs = join(import.meta.dirname, "../programs");

/** Everything that a run leaves on disk stands under this, and goes with it. */
export const scratch = mkdtempSync(join(tmpdir(), "kmkit-bench-"));
/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
process.on("exit", () => {
  stopAll();
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

/** Whatever is started ends with the bench. @template {import("node:child_process").ChildProcess} Child @param {Child} child */
export function track(child) {
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** Ends whatever is running. */
export function stopAll() {
  for (const child of running) child.kill("SIGKILL");
}

/** A directory of its own. */
export const directory = () => mkdtempSync(join(scratch, "d-"));
/** Some work with a directory that is gone afterwards: for what is large. @template T @param {(directory: string) => Promise<T>} work @returns {Promise<T>} */
export async function inDirectory(work) {
  const path = directory();
  try {
    return await work(path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
/** @param {number} ms @returns {Promise<void>} */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let logs = 0;

/**
 * Starts one of `programs/` with an IPC channel; what it prints goes to a file. `before` goes before Node in the call.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ core?: number | undefined, before?: string[], node?: string[], env?: Record<string, string> }} [how]
 */
export function start(program, args, { core, before = [], node = [], env = {} } = {}) {
  const log = join(scratch, `${logs++}.log`);
  const file = openSync(log, "w");
  const [command, rest] = onCore(core, [...node, join(programs, program), ...args]);
  const [first = "", ...call] = [...before, command, ...rest];
  const child = spawn(first, call, {
    stdio: ["ignore", file, file, "ipc"],
    env: { ...process.env, NODE_ENV: "production", NODE_NO_WARNINGS: "1", ...env },
  });
  closeSync(file);
  track(child);
  /** @type {{ code: number | null, signal: string | null } | undefined} */
  let end;
  /** @type {Promise<{ code: number | null, signal: string | null }>} */
  const ended = new Promise((resolve) =>
    child.once("exit", (code, signal) => {
      end = { code, signal };
      resolve(end);
    }),
  );
  /** @type {Map<number, (answer: any) => void>} */
  const asked = new Map();
  let orders = 0;
  child.on("message", (/** @type {any} */ answer) => {
    asked.get(answer.id)?.(answer);
    asked.delete(answer.id);
  });
  /** @type {Promise<any>} */
  const ready = new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("error", reject);
    void ended.then(() =>
      reject(new Error(`${program} ${args[0]} ended (${JSON.stringify(end)}): ${readFileSync(log, "utf8").slice(-2000)}`)),
    );
  });
  void ended.then(() => {
    for (const answer of asked.values()) answer({ ended: true });
  });
  return {
    pid: /** @type {number} */ (child.pid),
    ready,
    ended,
    get end() {
      return end;
    },
    log: () => readFileSync(log, "utf8"),
    /** An answer with `ended` when it died on the way. @param {string} run @param {object} [order] @returns {Promise<any>} */
    ask: (run, order = {}) =>
      new Promise((resolve) => {
        if (end !== undefined) return resolve({ ended: true });
        const id = ++orders;
        asked.set(id, resolve);
        child.send({ id, run, ...order }, (error) => {
          if (error !== null) resolve({ ended: true });
        });
      }),
    /** @param {NodeJS.Signals} [signal] */
    kill: (signal = "SIGKILL") => {
      if (end === undefined) child.kill(signal);
      return ended;
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof startApp>>} App */
/** @typedef {Awaited<ReturnType<typeof startSink>>} Sink */

/** The receiving end of a driver. @param {string} driver @param {{ core?: number }} [how] */
export async function startSink(driver, { core } = {}) {
  const child = start("sink.js", [driver], { core });
  const { port, control } = await child.ready;
  /** @param {string} call @returns {Promise<SinkStats>} */
  const get = async (call) => {
    // Some SDKs open so many connections that there is none left for the control port for a while.
    for (let attempt = 0; ; attempt++) {
      try {
        return /** @type {SinkStats} */ (await (await fetch(`http://127.0.0.1:${control}${call}`)).json());
      } catch (error) {
        if (child.end !== undefined)
          throw new Error(`the sink of ${driver} ended (${JSON.stringify(child.end)}): ${child.log().slice(-1000)}`, { cause: error });
        if (attempt >= 40) throw error;
        await sleep(500);
      }
    }
  };
  return {
    url: `http://127.0.0.1:${port}`,
    /** @param {string} mode */
    mode: (mode) => get(`/mode?is=${mode}`),
    lazy: () => get("/lazy?on=1"),
    /** @param {number} [from] @param {number} [to] */
    stats: (from = 0, to = 0) => get(`/stats?from=${from}&to=${to}`),
    stop: () => child.kill(),
  };
}

/**
 * An app with an SDK.
 *
 * @param {string} driver @param {string} url
 * @param {{ core?: number, dir?: string, before?: string[], pinned?: boolean }} [how]
 */
export async function startApp(driver, url, { dir = directory(), ...how } = {}) {
  const child = start("app.js", [driver, url, dir], how);
  await child.ready;
  return {
    ...child,
    dir,
    get end() {
      return child.end;
    },
  };
}

/**
 * Waits until so many of the numbers from..to have come, nothing new has come for `quiet` ms, or `most` ms have passed.
 *
 * @param {Sink} sink
 * @param {{ from?: number, to: number, want?: number, quiet?: number, most?: number, app?: { end: unknown } }} what
 */
export async function arrived(sink, { from = 0, to, want = to - from, quiet = 10_000, most = 60_000, app }) {
  const start = Date.now();
  let [last, since] = [-1, start];
  for (;;) {
    const stats = await sink.stats(from, to);
    if (stats.received !== last) [last, since] = [stats.received, Date.now()];
    const now = Date.now();
    if (stats.received >= want || now - since > quiet || now - start > most || app?.end !== undefined) return stats;
    await sleep(stats.received > want * 0.9 ? 25 : 100);
  }
}
