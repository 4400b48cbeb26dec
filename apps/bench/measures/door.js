import { inDirectory, sleep, start } from "../harness/children.js";
import { APP_CORE, REST_CORE, residentOf } from "../harness/machine.js";
import { once, sized } from "../harness/row.js";
import { commandLoad, startCollector, stored } from "./collector.js";
import { hasNginx, startNginx } from "./nginx.js";

/** @typedef {import("../harness/row.js").Run} Run */
/** @typedef {"commands" | "pixels"} Kind */

/** Where the numbers of the measured commands begin; those of the warm-up are below. */
const MEASURED = 500_000_000;
const connections = { commands: 4, pixels: 128 };

/** Commands a second that a program on one core takes after it has warmed up, the load on the other core. @param {Run} run @param {string} program @param {Kind} kind */
const rateOf = (run, program, kind) =>
  inDirectory(async (directory) => {
    const server = program === "nginx" ? await startNginx(directory) : start(program, [directory], { core: APP_CORE });
    try {
      const port = "port" in server ? server.port : (await server.ready).port;
      const load = { port, kind, connections: connections[kind], core: REST_CORE };
      await commandLoad({ ...load, seconds: sized(run, 3, 1.5, 0.2) });
      const { sent, refused, seconds } = await commandLoad({ ...load, seconds: sized(run, 4, 2, 0.3), first: MEASURED });
      if (refused > 0) throw new Error(`${program} refused ${refused} of ${sent + refused} ${kind}: ${server.log()}`);
      return sent / seconds;
    } finally {
      await server.kill();
    }
  });

/** The door (the store is away meanwhile) and its floor, in turn; for pixels also nginx, where it is found. @param {Run} run @param {Kind} kind */
export const doorBesideFloor = (run, kind) =>
  once(run, `door ${kind}`, async () => {
    /** @type {Record<"km" | "floor", number[]> & { nginx?: number[] }} */
    const rates = { km: [], floor: [], ...(kind === "pixels" && hasNginx ? { nginx: [] } : {}) };
    for (let round = 0; round < run.rounds; round++) {
      await run.turn.take();
      rates.floor.push(await rateOf(run, `floor${kind}.js`, kind));
      rates.km.push(await rateOf(run, "door.js", kind));
      rates.nginx?.push(await rateOf(run, "nginx", kind));
    }
    await run.turn.release();
    return rates;
  });

/** The whole collector under as many commands as it takes, until all of them are stored. @param {Run} run */
export const sustained = (run) =>
  once(run, "sustained", () =>
    inDirectory(async (directory) => {
      await run.turn.take();
      const collector = await startCollector(directory);
      try {
        await sleep(sized(run, 3000, 1000, 100));
        const idle = residentOf(collector.pid).now;
        const begun = performance.now();
        const { sent, refused, seconds } = await commandLoad({
          port: collector.port,
          kind: "commands",
          connections: connections.commands,
          seconds: sized(run, 20, 5, 0.5),
        });
        const whole = await stored(collector.url, 180_000);
        const all = (performance.now() - begun) / 1000;
        const { most } = residentOf(collector.pid);
        const answer = await fetch(`${collector.url}/v1/status`);
        const { stored: count } = /** @type {{ stored: number }} */ (await answer.json());
        return { sent, refused, whole, count, idle, most, perSecond: count / all, accepted: sent / seconds };
      } finally {
        await collector.kill();
      }
    }),
  );
