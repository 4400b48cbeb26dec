// A built Next app, a process of its own: `node nextserver.js FOLDER`.
import { createServer } from "node:http";
import createNext from "next";

const app = /** @type {any} */ (createNext)({ dir: process.argv[2], dev: false, quiet: true });
await app.prepare();
const handle = app.getRequestHandler();
const server = createServer((request, response) => void handle(request, response)).listen(0, "127.0.0.1", () =>
  process.send?.({ port: /** @type {import("node:net").AddressInfo} */ (server.address()).port }),
);
process.on("message", (/** @type {{ id: number }} */ { id }) => {
  const { user, system } = process.cpuUsage();
  const { benchSeq = -1 } = /** @type {{ benchSeq?: number }} */ (globalThis);
  process.send?.({ id, cpu: user + system, seq: benchSeq + 1 });
});
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
