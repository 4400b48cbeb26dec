import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { atMost } from "../harness/statistics.js";
import { footprints } from "../measures/footprint.js";

/** @typedef {import("../harness/row.js").Row} Row */
/** @typedef {import("../harness/statistics.js").Figure} Figure */

/** @param {string} id @param {string} what @param {string} unit @param {number} limit @param {(one: Awaited<ReturnType<typeof footprints>>[string]) => Figure} pick @returns {Row} */
const row = (id, what, unit, limit, pick) => ({
  id,
  section: 1,
  what,
  unit,
  target: `≤ ${limit}`,
  async run(run) {
    const { km, ...others } = await footprints(run);
    const ours = km === undefined ? [] : pick(km);
    const rivals = Object.fromEntries(Object.entries(others).map(([name, one]) => [name, pick(one)]));
    return { ours, rivals, reached: atMost(ours, limit) };
  },
});

const script = join(import.meta.dirname, "../../../packages/browser/dist/km.iife.js");

/** @type {Row[]} */
export const rows = [
  row("install", "@kmkit/express installed in an empty folder", "MB", 24, ({ megabytes }) => megabytes),
  row("packages", "the same: packages in it", "packages", 20, ({ packages }) => packages),
  row("import", "the same: cold import in a fresh process", "ms", 45, ({ ms }) => ms),
  {
    id: "browser",
    section: 1,
    what: "browser script, gzipped",
    unit: "KB",
    target: "≤ 6",
    async run() {
      if (!existsSync(script)) return { reached: false, note: "not built yet" };
      const ours = gzipSync(readFileSync(script), { level: 9 }).length / 1024;
      return { ours, reached: atMost(ours, 6) };
    },
  },
];
