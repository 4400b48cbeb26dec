import net from "node:net";
import { inDirectory, start } from "../harness/children.js";
import { APP_CORE, REST_CORE } from "../harness/machine.js";
import { once, sized } from "../harness/row.js";
import { commandLoad } from "./collector.js";

/** @typedef {import("../harness/row.js").Run} Run */

/** Looks on over a socket of its own, and reads, or does not; settles when it is connected. @param {number} port @param {boolean} reads @returns {Promise<net.Socket>} */
const lookOn = (port, reads) =>
  new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write("GET /v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    socket.on("error", reject);
    socket.once("readable", () => {
      resolve(socket);
      if (reads) socket.resume();
    });
  });

/**
 * Commands a second that the collector's door takes: while nobody looks on, while one does who reads, and while one does who does not. In turn,
 * in one process on one core, the load and who looks on on the other. @param {Run} run @param {number} rate commands a second, 0 for all it takes
 */
export const lookedOn = (run, rate) =>
  once(run, `looked on ${rate}`, () =>
    inDirectory(async (directory) => {
      /** @type {Record<"nobody" | "reader" | "stuck", number[]>} */
      const rates = { nobody: [], reader: [], stuck: [] };
      await run.turn.take();
      const server = start("door.js", [directory], { core: APP_CORE });
      try {
        const { port } = await server.ready;
        const load = { port, kind: /** @type {const} */ ("commands"), connections: 4, core: REST_CORE, rate };
        let first = 0;
        const taken = async (/** @type {number} */ seconds) => {
          first += 50_000_000;
          const { sent, refused, seconds: took } = await commandLoad({ ...load, seconds, first });
          if (refused > 0) throw new Error(`the door refused ${refused} of ${sent + refused}: ${server.log()}`);
          return sent / took;
        };
        await taken(sized(run, 3, 1.5, 0.2));
        const order = /** @type {const} */ (["nobody", "reader", "stuck"]);
        // Back and forth: what waits for the store grows, and the last one would always have most of it.
        for (let round = 0; round < run.rounds; round++)
          for (const who of round % 2 === 0 ? order : order.toReversed()) {
            const socket = who === "nobody" ? undefined : await lookOn(port, who === "reader");
            // What was saved up for a burst is spent.
            if (socket !== undefined) await taken(sized(run, 2, 1, 0.2));
            rates[who].push(await taken(sized(run, 4, 2, 0.3)));
            socket?.destroy();
          }
      } finally {
        await server.kill();
        await run.turn.release();
      }
      return rates;
    }),
  );
