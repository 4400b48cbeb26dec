import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, platform, release, totalmem } from "node:os";

/** The app under test runs on core 0, what receives and what makes load on core 1: they do not take each other's time. */
export const APP_CORE = 0;
export const REST_CORE = 1;

/** Whether a program can be started. @param {string} program @param {string[]} args */
export const works = (program, args) => {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

/** Whether processes can be kept on one core each. */
export const pins = availableParallelism() > 1 && works("taskset", ["-c", "0", "true"]);

/** The call that runs Node on a core. @param {number | undefined} core @param {string[]} args @returns {[string, string[]]} */
export const onCore = (core, args) =>
  pins && core !== undefined ? ["taskset", ["-c", String(core), process.execPath, ...args]] : [process.execPath, args];

/** The prefix of a call whose process, and no other, sees a small file system at this path; undefined where the system does not allow it. @param {string} path @param {string} options */
export function ownMount(path, options) {
  const shell = (/** @type {string} */ flags) => [
    "unshare",
    flags,
    "sh",
    "-c",
    `mount -t tmpfs -o ${options} tmpfs "$0" && exec "$@"`,
    path,
  ];
  return ["-m", "-Urm"].map(shell).find(([program = "", ...args]) => works(program, [...args, "true"]));
}

/** What memory means here: what the process has for itself (Linux), or everything that is resident. */
export const memoryKind = platform() === "linux" ? "RssAnon" : "RSS";

/** Memory of a process in MB; NaN when it is gone or this system does not tell. @param {number} pid */
export function memoryOf(pid) {
  try {
    if (memoryKind === "RSS") return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)]).toString()) / 1024;
    return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}

/** What is resident of a process in MB, now and at the most so far, its mapped libraries as well; NaN where the system does not tell. @param {number} pid */
export function residentOf(pid) {
  const status = platform() === "linux" ? readFileSync(`/proc/${pid}/status`, "utf8") : "";
  const mb = (/** @type {string} */ name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
  return { now: mb("VmRSS"), most: mb("VmHWM") };
}

/** Watches a process's memory until it is told to stop, and gives the highest it saw, in MB. @param {number} pid */
export function watchMemory(pid) {
  let peak = memoryOf(pid);
  const timer = setInterval(() => {
    const now = memoryOf(pid);
    if (now > peak) peak = now;
  }, 15);
  return () => {
    clearInterval(timer);
    return Math.max(peak, memoryOf(pid) || 0);
  };
}

/** The machine in a line. */
export const machine = () =>
  `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GB, ${platform()} ${release()}`;
