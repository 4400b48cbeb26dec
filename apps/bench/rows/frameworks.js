import { once, sized } from "../harness/row.js";
import { atMost, median, short } from "../harness/statistics.js";
import { startNext } from "../measures/next.js";
import { alternate, cpuOver, plan, startWeb } from "../measures/web.js";

/** @typedef {import("../harness/row.js").Row} Row */
/** @typedef {import("../harness/row.js").Run} Run */

const names = { koa: "Koa 3", fastify: "Fastify 5", hono: "Hono 4 on Node" };

/** One command a request, each framework beside its own bare app and beside Express. @param {Run} run */
const all = (run) =>
  once(run, "frameworks", () =>
    alternate(
      run,
      Object.fromEntries(
        ["express", ...Object.keys(names)].flatMap((framework) =>
          ["bare", "km"].map((what) => [`${framework} ${what}`, { open: () => startWeb(framework, what) }]),
        ),
      ),
      plan(run),
    ),
  );

/** Next is another kind of server, with an Express of its own beside it. @param {Run} run */
const next = (run) =>
  once(run, "next", () => {
    const app = (/** @type {string} */ framework) => (/** @type {string} */ what) => ({ open: () => startWeb(framework, what) });
    const express = app("express");
    return alternate(
      run,
      {
        "express bare": express("bare"),
        "express km": express("km"),
        "next bare": { open: () => startNext("bare") },
        "next km": { open: () => startNext("record") },
      },
      // A thousand requests a second, where the others do ten: it takes as much longer until all is compiled.
      { ...plan(run), stretches: sized(run, 6, 3, 1), warm: sized(run, 12_000, 4000, 200) },
    );
  });

/** @param {string} framework @param {string} name @param {(run: Run) => ReturnType<typeof all>} measure @returns {Row} */
const row = (framework, name, measure) => ({
  id: framework,
  section: 1,
  what: `${name}, one record a request: CPU over its own bare app`,
  unit: "µs",
  target: "≤ 1.3 × our Express figure",
  slow: framework === "next",
  async run(run) {
    const measured = await measure(run);
    const over = (/** @type {string} */ one) => cpuOver(measured, `${one} km`, `${one} bare`);
    const express = median(over("express"));
    const ours = over(framework);
    const bare = median(measured[`${framework} bare`]?.map(({ us }) => us));
    const note = `Express: ${short(express)} µs; bare: ${short(bare)} µs a request`;
    return { ours, reached: atMost(ours, 1.3 * express), limit: `${short(1.3 * express)} µs`, note };
  },
});

/** @type {Row[]} */
export const rows = [
  ...Object.entries(names).map(([framework, name]) => row(framework, name, all)),
  row("next", "Next 16 route handler", next),
];
