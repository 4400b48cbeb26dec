import { randomFillSync } from "node:crypto";
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { arrived, directory, sleep, startApp, startSink } from "../harness/children.js";
import { ownMount } from "../harness/machine.js";
import { sized } from "../harness/row.js";
import { plain, startLoad, startWeb } from "./web.js";

/** @typedef {import("../harness/row.js").Run} Run */
/** @typedef {{ recorded: number, failed: number, received: number, refused: Record<string, number>, kept: number, reports: Record<string, number>, died: string | undefined, left: number, found: number }} Account */

/** Where the numbers of an earlier process begin. */
const EARLIER = 4_000_000;

/**
 * A shop goes on serving while its outbox cannot: load, then the account of what it recorded. The receiver is away during the load if `down`.
 *
 * @param {Run} run @param {{ dir: string, before?: string[], down: boolean, left?: number }} how left: so many commands an earlier process left there @returns {Promise<Account>}
 */
async function serve(run, { dir, before = [], down, left = 0 }) {
  const web = await startWeb("express", "km", { dir, before });
  const load = await startLoad();
  try {
    if (down) await web.sink.mode("down");
    const { failed } = await load.run(web.url, sized(run, 4000, 3000, 1500), plain);
    const { seq = 0 } = await web.report();
    // What was refused while the disk was full stays refused; what was kept is delivered now.
    await sleep(500);
    await web.sink.mode("accept");
    const { stats } = await web.report();
    const lost = Object.values(stats?.refused ?? {}).reduce((/** @type {number} */ sum, /** @type {any} */ one) => sum + one, 0);
    const { received } = await arrived(web.sink, { to: seq, want: seq - lost, quiet: 12_000, most: 20_000 });
    const after = (await web.report()).stats;
    /** @type {Record<string, number>} */
    const reports = {};
    for (const [, code = ""] of (web.log?.() ?? "").matchAll(/^kmkit: (KM_\w+):/gm)) reports[code] = (reports[code] ?? 0) + 1;
    const { received: found } = await web.sink.stats(EARLIER, EARLIER + left);
    return {
      recorded: seq,
      failed,
      received,
      refused: after?.refused ?? {},
      kept: after?.kept ?? 0,
      reports,
      died: web.ending?.(),
      left,
      found,
    };
  } finally {
    await Promise.all([web.end(), load.end()]);
  }
}

/** The outbox on a disk of 1 MB, with the receiver away; undefined where the system gives nobody a small disk. @param {Run} run */
export async function diskFull(run) {
  const dir = directory();
  const before = ownMount(dir, "size=2m");
  return before === undefined ? undefined : serve(run, { dir, before, down: true });
}

/** The outbox where nobody can write. @param {Run} run */
export async function readOnly(run) {
  const dir = directory();
  const before = ownMount(dir, "ro,size=2m");
  if (before !== undefined) return serve(run, { dir, before, down: false });
  const file = join(dir, "file");
  writeFileSync(file, "a directory cannot be made in a file");
  return serve(run, { dir: file, down: false });
}

/** An outbox that holds commands of an earlier process, every complete file of which was spoiled since. @param {Run} run @param {"cut" | "head" | "middle"} how */
export async function spoiled(run, how) {
  const dir = directory();
  const left = 4000;
  const sink = await startSink("km");
  await sink.mode("down");
  const app = await startApp("km", sink.url, { dir });
  await app.ask("pace", { from: EARLIER, n: left, rate: 8000 });
  await sleep(200);
  await Promise.all([app.kill(), sink.stop()]);
  const outbox = join(dir, "km");
  for (const name of readdirSync(outbox).filter((one) => one.endsWith(".ndjson"))) {
    const file = join(outbox, name);
    const bytes = readFileSync(file);
    if (how === "cut") truncateSync(file, bytes.length >> 1);
    else writeFileSync(file, randomFillSync(bytes, how === "head" ? 0 : bytes.length >> 2, bytes.length >> 1));
  }
  return serve(run, { dir, down: false, left });
}
