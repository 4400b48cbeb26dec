import { execFile } from "node:child_process";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { directory, scratch } from "../harness/children.js";
import { APP_CORE, onCore } from "../harness/machine.js";
import { once, sized } from "../harness/row.js";

const call = promisify(execFile);
const root = join(import.meta.dirname, "../../..");
/** The rivals' packages, by driver. */
const packages = {
  posthog: "posthog-node",
  segment: "@segment/analytics-node",
  mixpanel: "mixpanel",
  amplitude: "@amplitude/analytics-node",
  rudderstack: "@rudderstack/rudder-sdk-node",
  snowplow: "@snowplow/node-tracker",
};
const pinned = JSON.parse(readFileSync(join(import.meta.dirname, "../rivals/package.json"), "utf8")).dependencies;

/** The version of a rival's package that the lock file pins. @param {string} driver */
export const versionOf = (driver) => pinned[/** @type {Record<string, string>} */ (packages)[driver] ?? ""];

/** Bytes of all files under a folder. @param {string} path @returns {number} */
const bytesOf = (path) => {
  const entry = lstatSync(path);
  return entry.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0) : entry.size;
};

/** Installs these into an empty folder and imports one of them in fresh processes. @param {string[]} what @param {string} name @param {number} times */
async function install(what, name, times) {
  const folder = mkdtempSync(join(scratch, "i-"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
  await call("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts", ...what], { cwd: folder });
  const lock = JSON.parse(readFileSync(join(folder, "node_modules/.package-lock.json"), "utf8"));
  const megabytes = bytesOf(join(folder, "node_modules")) / 2 ** 20;
  const code = `const start = performance.now(); await import(${JSON.stringify(name)}); process.stdout.write(String(performance.now() - start)); process.exit()`;
  writeFileSync(join(folder, "import.mjs"), code);
  const [program, args] = onCore(APP_CORE, [join(folder, "import.mjs")]);
  /** @type {number[]} */
  const ms = [];
  // The first brings the files into the system's cache.
  for (let time = 0; time <= times; time++) ms.push(Number((await call(program, args)).stdout));
  return { megabytes, packages: Object.keys(lock.packages).length, ms: ms.slice(1) };
}

/** Ours packed as it would be published, and the rivals from the registry. @param {import("../harness/row.js").Run} run */
export const footprints = (run) =>
  once(run, "footprints", async () => {
    const packed = directory();
    await call(
      "npm",
      ["pack", "--ignore-scripts", "--pack-destination", packed, ...["core", "node", "express"].map((name) => `./packages/${name}`)],
      { cwd: root },
    );
    const tarballs = readdirSync(packed).map((name) => join(packed, name));
    await run.turn.take();
    const times = sized(run, 10, 5, 2);
    /** @type {Record<string, Awaited<ReturnType<typeof install>>>} */
    const results = { km: await install(tarballs, "@kmkit/express", times) };
    for (const rival of run.rivals) {
      const name = /** @type {Record<string, string>} */ (packages)[rival] ?? rival;
      results[rival] = await install([`${name}@${versionOf(rival)}`], name, times);
    }
    await run.turn.release();
    return results;
  });
