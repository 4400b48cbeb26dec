import { spawn } from "node:child_process";
import { sleep, track } from "./children.js";

/** How long a lock is kept over several measurements before others get their turn, in ms. */
const HOLD = 120_000;

/**
 * For a machine that others measure on: a measurement holds this lock file (`flock`). Without a file it does nothing.
 *
 * @param {string | undefined} file
 */
export function turnOn(file) {
  /** @type {{ since: number, end: () => Promise<void> } | undefined} */
  let held;
  let waited = 0;
  const release = async () => {
    const { end } = held ?? {};
    held = undefined;
    await end?.();
  };
  return {
    release,
    /** How long others had it, in seconds. */
    get waited() {
      return waited / 1000;
    },
    /** Holds it from here until `release`, or until the next call after {@link HOLD}. */
    async take() {
      if (file === undefined) return;
      if (held !== undefined && Date.now() - held.since > HOLD) {
        await release();
        await sleep(1000);
      }
      if (held !== undefined) return;
      const asked = Date.now();
      const child = track(spawn("flock", ["-x", "-o", file, "sh", "-c", "echo; exec cat"], { stdio: ["pipe", "pipe", "inherit"] }));
      const gone = new Promise((resolve) => child.once("exit", resolve));
      await new Promise((resolve, reject) => child.stdout.once("data", resolve).once("close", () => reject(new Error("no lock"))));
      waited += Date.now() - asked;
      held = {
        since: Date.now(),
        end: async () => {
          child.stdin.end();
          await gone;
        },
      };
    },
  };
}
