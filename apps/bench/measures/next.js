import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { directory, start, startSink } from "../harness/children.js";
import { APP_CORE, REST_CORE } from "../harness/machine.js";

const folder = join(import.meta.dirname, "../next");
const env = { NEXT_TELEMETRY_DISABLED: "1", NO_COLOR: "1", NODE_ENV: /** @type {const} */ ("production") };
/** @type {Promise<unknown> | undefined} */
let built;

/** The small Next app of this folder, which is built once a run. @param {"bare" | "record"} route @returns {Promise<import("./web.js").Web>} */
export async function startNext(route) {
  const program = createRequire(import.meta.url).resolve("next/dist/bin/next");
  built ??= promisify(execFile)(process.execPath, [program, "build"], { cwd: folder, env: { ...process.env, ...env } });
  await built;
  const sink = await startSink(route === "bare" ? "noop" : "km", { core: REST_CORE });
  await sink.lazy();
  const child = start("nextserver.js", [folder], {
    core: APP_CORE,
    env: { ...env, KMKIT_URL: sink.url, KMKIT_KEY: "local", KMKIT_OUTBOX: join(directory(), "km") },
  });
  const { port } = await child.ready;
  return {
    url: `http://127.0.0.1:${port}/api/${route}`,
    sink,
    report: () => child.ask("report"),
    end: () => Promise.all([child.kill(), sink.stop()]),
  };
}
