import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "../rivals");
export const all = ["posthog", "segment", "mixpanel", "amplitude", "rudderstack", "snowplow"];

/**
 * Installs the rivals as their own lock file pins them, if they are not there yet. Gives what went wrong, in a sentence, or nothing.
 *
 * @param {(text: string) => void} log
 */
export function installRivals(log) {
  if (existsSync(join(folder, "node_modules/.package-lock.json"))) return undefined;
  log("Installing the rivals into apps/bench/rivals (their own lock file, once) …");
  try {
    execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    return undefined;
  } catch (error) {
    const reason =
      /npm error (?:network |code )?(.*)/.exec(String(/** @type {{ stderr?: Buffer }} */ (error).stderr))?.[1] ?? String(error);
    return `the rivals could not be installed (is the npm registry reachable? ${reason}), so their columns are empty`;
  }
}
