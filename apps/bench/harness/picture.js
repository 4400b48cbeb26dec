import { median, short } from "./statistics.js";

/** @typedef {import("./report.js").Result} Result */

/** The rows in the picture, and what they are called in it. */
const charts = [
  {
    id: "express-cpu",
    title: "What one recorded command costs a request",
    subtitle: "CPU over the bare app, µs; shorter is better",
    unit: "µs",
    // What never arrives costs little.
    arrived: "express-arrived",
  },
  {
    id: "kill",
    title: "What is lost when the app is killed",
    subtitle: "commands lost at kill -9, receiver healthy, app restarted",
    unit: "",
  },
  {
    id: "kill-down",
    title: "… and the receiver was down",
    subtitle: "commands lost at kill -9, receiver back before the restart",
    unit: "",
  },
];
const WIDTH = 760;
const LEFT = 124;
const BAR = 20;
const GAP = 7;
const NAMES = { km: "kmkit", floor: "hand-written" };

/** @param {string} text */
const markup = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** Our bar, the floor's, and the rivals', the shortest first. @param {Result} result */
function barsOf({ outcome }) {
  const rivals = Object.entries(outcome.rivals ?? {}).map(([name, figure]) => ({ name, value: median(figure) }));
  rivals.sort((a, b) => a.value - b.value);
  const all = [{ name: "km", value: median(outcome.ours) }, { name: "floor", value: median(outcome.floor) }, ...rivals];
  return all.filter(({ value }) => Number.isFinite(value)).map(({ name, value }) => ({ name, value: Math.max(0, value) }));
}

/** What to say of somebody of whose commands not all arrived, in percent. @param {string} name @param {Result | undefined} delivery */
function shareOf(name, delivery) {
  const figure = delivery?.outcome.rivals?.[name];
  const share = figure === undefined ? 100 : median(figure);
  return share < 99 ? ` (${short(share)} % arrived)` : "";
}

/**
 * A picture for a README: bars of ours beside floor and rivals. It takes its colours from the reader's light or dark scheme.
 *
 * @param {readonly Result[]} results @param {string} footer
 */
export function picture(results, footer) {
  /** @type {string[]} */
  const out = [];
  let y = 8;
  /** @param {string} kind @param {number} down @param {string} text */
  const line = (kind, down, text) => {
    y += down;
    out.push(`<text class="${kind}" x="16" y="${y}">${markup(text)}</text>`);
  };
  for (const { id, title, subtitle, unit, arrived } of charts) {
    const result = results.find(({ row, failed }) => row.id === id && failed === undefined);
    const bars = result === undefined ? [] : barsOf(result);
    const delivery = arrived === undefined ? undefined : results.find(({ row, failed }) => row.id === arrived && failed === undefined);
    if (bars.length === 0) continue;
    const most = Math.max(...bars.map(({ value }) => value), 1e-9);
    const scale = (WIDTH - LEFT - 96) / most;
    line("title", 24, title);
    line("quiet", 19, subtitle);
    y += 13;
    for (const { name, value } of bars) {
      const kind = name === "km" ? "ours" : name === "floor" ? "floor" : "rival";
      const label = /** @type {Record<string, string>} */ (NAMES)[name] ?? name;
      const middle = y + BAR / 2 + 4.5;
      // Nothing lost is no bar, but the place of one.
      const width = Math.max(value * scale, 2);
      out.push(
        `<text class="label ${kind}-text" x="${LEFT - 10}" y="${middle}" text-anchor="end">${markup(label)}</text>`,
        `<rect class="${kind}" x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>`,
        `<text class="value ${kind}-text" x="${(LEFT + width + 8).toFixed(1)}" y="${middle}">${markup(`${short(value)}${unit === "" ? "" : ` ${unit}`}${shareOf(name, delivery)}`)}</text>`,
      );
      y += BAR + GAP;
    }
    y += 12;
  }
  if (out.length === 0) line("quiet", 24, "Nothing of what the picture shows was measured.");
  line("quiet", 16, footer);
  const height = y + 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="kmkit beside a hand-written buffer and other SDKs">
<style>
  .page { fill: #ffffff; } text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f; }
  .title { font-size: 16px; font-weight: 600; } .quiet { font-size: 12px; fill: #57606a; } .value { font-variant-numeric: tabular-nums; }
  .ours { fill: #1a7f37; } .ours-text { font-weight: 600; fill: #1a7f37; } .floor { fill: #57606a; } .rival { fill: #b6bec8; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; } text { fill: #e6edf3; } .quiet { fill: #9198a1; }
    .ours { fill: #3fb950; } .ours-text { fill: #3fb950; } .floor { fill: #9198a1; } .rival { fill: #3d444d; }
  }
</style>
<rect class="page" width="${WIDTH}" height="${height}" rx="6"/>
${out.join("\n")}
</svg>
`;
}
