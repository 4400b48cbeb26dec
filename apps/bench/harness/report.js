import { ranked } from "./row.js";
import { median, short, spread } from "./statistics.js";

/** @typedef {import("./row.js").Row} Row */
/** @typedef {import("./row.js").Outcome} Outcome */
/** A row and what became of it. @typedef {{ row: Row, outcome: Outcome, failed?: string, seconds: number }} Result */
/** What stands above the table. @typedef {{ label: string, value: string }[]} Heading */

export const sections = { 1: "Cost in the app", 2: "Nothing is lost", 3: "The collector" };
/** How many rivals a line names. */
const NAMED = 3;

/** @param {Result} result */
export const word = ({ outcome, failed }) =>
  failed !== undefined ? "failed" : outcome.reached === undefined ? "–" : outcome.reached ? "yes" : "no";

/** @param {Result} result */
const cells = ({ row, outcome, failed, ...rest }) => {
  const best = ranked(outcome.rivals, row.better).slice(0, NAMED);
  const target = outcome.limit === undefined ? row.target : `${row.target} = ${outcome.limit}`;
  return {
    what: row.what,
    unit: row.unit,
    ours: spread(outcome.ours),
    floor: spread(outcome.floor),
    rivals: best.length === 0 ? "–" : best.map(([name, value]) => `${name} ${short(value)}`).join(", "),
    target,
    reached: word({ row, outcome, ...(failed === undefined ? {} : { failed }), ...rest }),
    note: failed ?? outcome.note ?? "",
  };
};

/** @param {readonly Result[]} results */
const bySection = (results) =>
  /** @type {const} */ ([1, 2, 3])
    .map((section) => ({ section, title: `§${section} ${sections[section]}`, own: results.filter(({ row }) => row.section === section) }))
    .filter(({ own }) => own.length > 0);

/** How many of how many were reached. @param {readonly Result[]} results */
export const tally = (results) => {
  const count = (/** @type {string} */ what) => results.filter((result) => word(result) === what).length;
  const others = [
    ["no", "not reached"],
    ["failed", "failed"],
    ["–", "not measurable here"],
  ].map(([what = "", text]) => [count(what), text]);
  return [`${count("yes")} of ${results.length} reached`, ...others.filter(([n]) => n !== 0).map(([n, text]) => `${n} ${text}`)].join(", ");
};

/** The table for a terminal. @param {readonly Result[]} results @param {Heading} heading */
export function table(results, heading) {
  const out = heading.map(({ label, value }) => `${label}: ${value}`);
  /** @type {(keyof ReturnType<typeof cells>)[]} */
  const names = ["what", "unit", "ours", "floor", "rivals", "target", "reached"];
  for (const { title, own } of bySection(results)) {
    const lines = own.map(cells);
    const width = Object.fromEntries(names.map((name) => [name, Math.max(name.length, ...lines.map((line) => line[name].length))]));
    const print = (/** @type {Record<string, string>} */ line) =>
      out.push(
        names
          .map((name) => (line[name] ?? "").padEnd(width[name] ?? 0))
          .join("  ")
          .trimEnd(),
      );
    out.push("", title, "");
    print(Object.fromEntries(names.map((name) => [name, name])));
    for (const line of lines) {
      print(line);
      if (line.note !== "") out.push(`    ${line.note}`);
    }
  }
  return [...out, "", tally(results)].join("\n");
}

/** @param {string} text */
const cell = (text) => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** The same as Markdown. @param {readonly Result[]} results @param {Heading} heading */
export function markdown(results, heading) {
  const out = ["# Results of the bench", "", "Written by `npm run bench`; see [README](README.md) for how to read it.", ""];
  for (const { label, value } of heading) out.push(`- **${label}**: ${value}`);
  out.push("", `**${tally(results)}.** Figures are medians, with the least and the most of all rounds.`);
  for (const { title, own } of bySection(results)) {
    out.push(
      "",
      `## ${title}`,
      "",
      "| what | unit | ours | floor | best rivals | target | reached | |",
      "|---|---|---|---|---|---|---|---|",
    );
    for (const { what, unit, ours, floor, rivals, target, reached, note } of own.map(cells)) {
      out.push(`| ${[what, unit, ours, floor, rivals, target, reached === "no" ? "**no**" : reached, note].map(cell).join(" | ")} |`);
    }
  }
  return `${out.join("\n")}\n`;
}

/** All figures of a run, for programs. @param {readonly Result[]} results @param {Heading} heading */
export const json = (results, heading) =>
  JSON.stringify(
    {
      heading: Object.fromEntries(heading.map(({ label, value }) => [label, value])),
      rows: results.map((result) => ({
        id: result.row.id,
        section: result.row.section,
        what: result.row.what,
        unit: result.row.unit,
        target: result.row.target,
        ...result.outcome,
        median: median(result.outcome.ours),
        reached: word(result),
        failed: result.failed,
        seconds: Math.round(result.seconds * 10) / 10,
      })),
    },
    undefined,
    1,
  );
