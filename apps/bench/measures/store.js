import { randomUUID } from "node:crypto";
import { inDirectory, start } from "../harness/children.js";
import { once, sized } from "../harness/row.js";
import { median } from "../harness/statistics.js";
import { commandLoad, startCollector } from "./collector.js";

/** @typedef {import("../harness/row.js").Run} Run */

/** How many events a small and a large store has, ten a person. @param {Run} run */
export const few = (run) => sized(run, 1_000_000, 200_000, 20_000);
/** @param {Run} run */
export const many = (run) => sized(run, 10_000_000, 2_000_000, 200_000);

/** A store of so many events: its size, person pages over HTTP, and the SQL of reports, in ms. @param {Run} run @param {number} events */
export const filled = (run, events) =>
  once(run, `filled ${events}`, () =>
    inDirectory(async (directory) => {
      await run.turn.take();
      const { raw, tables, identities, reports } = await start("fill.js", [directory, String(events)]).ready;
      const collector = await startCollector(directory);
      try {
        /** @type {number[]} */
        const pages = [];
        for (const identity of identities) {
          const begun = performance.now();
          const answer = await fetch(`${collector.url}/v1/people/${encodeURIComponent(identity)}`);
          await answer.arrayBuffer();
          if (answer.status !== 200) throw new Error(`${answer.status} for ${identity}`);
          pages.push(performance.now() - begun);
        }
        const bytes = /** @type {Record<string, number>} */ (tables);
        const sum = Object.values(bytes).reduce((all, one) => all + one, 0);
        // The first pages warm the caches.
        return { page: median(pages.slice(20)), commands: (bytes.commands ?? Number.NaN) / raw, all: sum / raw, raw, reports };
      } finally {
        await collector.kill();
      }
    }),
  );

/** Two strangers are tied under load, again and again: ms from the acknowledgement until a page shows one person. @param {Run} run */
export const tied = (run) =>
  inDirectory(async (directory) => {
    await run.turn.take();
    const collector = await startCollector(directory);
    try {
      const post = async (/** @type {object[]} */ ...commands) => {
        const body = commands.map((command) => JSON.stringify({ id: randomUUID(), time: Date.now(), ...command })).join("\n");
        const answer = await fetch(`${collector.url}/v1/commands`, { method: "POST", body, headers: { authorization: "Bearer local" } });
        await answer.arrayBuffer();
        if (answer.status !== 200) throw new Error(String(answer.status));
      };
      const loading = commandLoad({ port: collector.port, kind: "commands", connections: 4, seconds: sized(run, 20, 4, 1), rate: 5000 });
      let loaded = false;
      void loading.then(() => {
        loaded = true;
      });
      /** @type {number[]} */
      const times = [];
      for (let n = 0; !loaded; n++) {
        const [a, b] = [`a${n}@shop.example`, `b${n}@shop.example`];
        await post({ type: "record", identity: a, name: "x" }, { type: "record", identity: b, name: "x" });
        await post({ type: "alias", identity: a, alias: b });
        const begun = performance.now();
        for (let identities = 0; identities !== 2; ) {
          const answer = await fetch(`${collector.url}/v1/people/${encodeURIComponent(a)}`);
          identities = /** @type {{ identities?: unknown[] }} */ (await answer.json()).identities?.length ?? 0;
        }
        times.push(performance.now() - begun);
      }
      const { refused } = await loading;
      if (refused > 0) throw new Error(`${refused} were refused`);
      return times;
    } finally {
      await collector.kill();
    }
  });

/** All people worked out anew, from the edges alone. @param {Run} run @param {number} identities @returns {Promise<{ seconds: number, written: number }>} */
export const relinked = (run, identities) =>
  inDirectory(async (directory) => {
    await run.turn.take();
    return start("relink.js", [directory, String(identities)]).ready;
  });
