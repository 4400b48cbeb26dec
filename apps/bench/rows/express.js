import { columns, once, sized } from "../harness/row.js";
import { atLeast, atMost, median, short } from "../harness/statistics.js";
import { alternate, beside, cpuOver, plan, startWeb } from "../measures/web.js";

/** @typedef {import("../harness/row.js").Row} Row */
/** @typedef {import("../harness/row.js").Run} Run */

/**
 * Express 5, one command a request, as many requests as it takes. Bare, floor and ours side by side; each rival beside a bare one of its own, since
 * what a rival has not sent yet would take time from the others.
 *
 * @param {Run} run
 */
export const oneCommand = (run) =>
  once(run, "express", async () => {
    /** @param {string} what */
    const app = (what) => ({ open: () => startWeb("express", what) });
    const ours = await alternate(run, { bare: app("bare"), floor: app("floor"), km: app("km") }, plan(run));
    for (const rival of run.rivals) {
      const { [rival]: measured = [] } = await alternate(
        { ...run, rounds: 1 },
        { [rival]: app(rival) },
        { ...plan(run), stretches: 1, ms: sized(run, 3000, 1500, 200) },
      );
      ours[rival] = measured;
    }
    return ours;
  });

/** The absolute targets were set where the floor cost so much over bare; on another machine they move with it. */
const FLOOR = 7.2;

/** @type {Row[]} */
export const rows = [
  {
    id: "express-cpu",
    section: 1,
    what: "Express 5, one record a request: CPU over bare",
    unit: "µs",
    target: `≤ 14 µs where the floor costs ${FLOOR} µs (1.94 × floor), with cookie, visitor, Set-Cookie and durable put`,
    async run(run) {
      const measured = await oneCommand(run);
      const bare = median(measured.bare?.map(({ us }) => us));
      const over = Object.fromEntries(Object.keys(measured).map((app) => [app, cpuOver(measured, app, "bare")]));
      const figures = columns(over, (us) => us);
      const limit = (14 / FLOOR) * median(figures.floor);
      return { ...figures, reached: atMost(figures.ours, limit), limit: `${short(limit)} µs`, note: `bare: ${short(bare)} µs a request` };
    },
  },
  {
    id: "express-rate",
    section: 1,
    what: "the same: requests/s over bare",
    unit: "×",
    target: "≥ 0.88",
    better: "more",
    async run(run) {
      const measured = await oneCommand(run);
      const bare = median(measured.bare?.map(({ perSecond }) => perSecond));
      const shares = Object.fromEntries(
        Object.keys(measured).map((app) => [
          app,
          beside(
            measured,
            app,
            "bare",
            (own, other) => own / other,
            ({ perSecond }) => perSecond,
          ),
        ]),
      );
      const figures = columns(shares, (share) => share);
      return { ...figures, reached: atLeast(figures.ours, 0.88), note: `bare: ${short(bare)} requests/s` };
    },
  },
  {
    id: "express-arrived",
    section: 1,
    what: "the same: arrived within 5 s after the load",
    unit: "%",
    target: "100 %, every request answered",
    better: "more",
    async run(run) {
      const measured = await oneCommand(run);
      const figures = columns(measured, ({ share }) => share * 100);
      const failed = (measured.km ?? []).reduce((sum, one) => sum + one.failed, 0);
      return {
        ...figures,
        reached: failed === 0 && figures.ours.every((share) => share === 100),
        note: failed > 0 ? `${failed} requests failed` : "",
      };
    },
  },
];
