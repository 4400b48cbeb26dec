import { readdirSync } from "node:fs";
import { join } from "node:path";

/** @typedef {import("./row.js").Row} Row */

const folder = join(import.meta.dirname, "../rows");
/** The order of the table. */
const order = [
  "calls",
  "express",
  "silent",
  "frameworks",
  "footprint",
  "faults",
  "directory",
  "processes",
  "acknowledged",
  "door",
  "store",
];

/** Every row that stands in `rows/`: a module exports one as `row` or several as `rows`. @returns {Promise<Row[]>} */
export async function loadRows() {
  const files = readdirSync(folder).filter((name) => name.endsWith(".js"));
  const place = (/** @type {string} */ name) => {
    const at = order.findIndex((start) => name === `${start}.js`);
    return at < 0 ? order.length : at;
  };
  files.sort((a, b) => place(a) - place(b) || a.localeCompare(b));
  /** @type {Row[]} */
  const rows = [];
  for (const file of files) {
    const module = await import(join(folder, file));
    rows.push(...[module.row ?? [], module.rows ?? []].flat());
  }
  return rows.sort((a, b) => a.section - b.section);
}
