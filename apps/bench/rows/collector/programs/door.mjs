// The collector's door alone: its real HTTP side, checks and outbox on disk, and a store that is away, so that nothing but the door's own work
// is measured. Prints its port; argument: the directory.

import { createServer } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { createOutbox, createReporter } from "@kmkit/core";
import { lmdbStorage } from "@kmkit/node";

const dist = "../../../../../packages/collector/dist";
const { createApp } = await import(`${dist}/app.js`);
const { createDoor } = await import(`${dist}/door.js`);
const { createAccess } = await import(`${dist}/keys.js`);
const { NameRegister } = await import(`${dist}/register.js`);
const { limits } = await import(`${dist}/collector.js`);
const { answerPixels } = await import(`${dist}/pixel.js`);

const reporter = createReporter({ onError: () => {}, development: false, print: () => {} });
const storage = lmdbStorage(process.argv[2], reporter);
const away = async () => ({ type: "retry", code: "KM_COLLECTOR_BUSY", after: 60_000 });
const lim = limits ?? {
  maxBytes: 2 ** 31,
  batchCommands: 10_000,
  batchBytes: 4 << 20,
  gather: 0,
  linger: 500,
  eager: true,
  timeout: 300_000,
};
const outbox = createOutbox(storage, away, { ...lim, maxBytes: 2 ** 33 }, reporter.report);
await storage.head(1, 1);
const access = createAccess([], undefined);
const door = createDoor(outbox, new NameRegister([]));
const app = createApp({ access, door, outbox, store: undefined, report: reporter.report });
const server = createServer(answerPixels(getRequestListener(app.fetch, { hostname: "127.0.0.1" }), access, door, reporter.report));
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
process.on("SIGTERM", () => process.exit(0));
