import { once } from "../harness/row.js";
import { atMost, median, short } from "../harness/statistics.js";
import { alternate, browser, cpuOver, plain, plan, startWeb } from "../measures/web.js";

/** @typedef {import("../harness/row.js").Row} Row */
/** @typedef {import("../harness/row.js").Run} Run */

/** A request that records nothing: bare, a no-op that parses one cookie, and our middleware. @param {Run} run @param {boolean} asBrowser */
const nothing = (run, asBrowser) =>
  once(run, `silent ${asBrowser}`, async () => {
    /** All three are sent the same headers; the cookies are those that ours gave. @type {Record<string, string> | undefined} */
    let headers;
    /** @param {string} what */
    const app = (what) => ({
      open: () => startWeb("express", what),
      headers: async (/** @type {import("../measures/web.js").Web} */ web) => (headers ??= asBrowser ? await browser(web.url) : plain),
    });
    const { stretches, ...rest } = plan(run);
    // Ours first, since it is ours that the cookies come from. The difference is small: twice as many stretches.
    return alternate(run, { silent: app("silent"), bare: app("bare"), noop: app("noop") }, { ...rest, stretches: 2 * stretches });
  });

/** @param {string} id @param {string} what @param {boolean} asBrowser @returns {Row} */
const row = (id, what, asBrowser) => ({
  id,
  section: 1,
  what,
  unit: "µs",
  target: "≤ 1.3 × a no-op that parses one cookie",
  async run(run) {
    const measured = await nothing(run, asBrowser);
    const over = (/** @type {string} */ name) => cpuOver(measured, name, "bare");
    const limit = 1.3 * median(over("noop"));
    const ours = over("silent");
    return { ours, floor: over("noop"), reached: atMost(ours, limit), limit: `${short(limit)} µs`, note: "the floor is the no-op" };
  },
});

/** @type {Row[]} */
export const rows = [
  row("silent", "Express 5, a request that records nothing: CPU over bare", false),
  row("silent-browser", "the same with a browser's navigation headers and cookies", true),
];
