// A collector whose store can be taken away: `node awaycollector.js DIRECTORY`, then over IPC { run: "away", on } and { run: "memory" }. The embedded
// engine has no connection that could be cut, so its calls fail as those of a ClickHouse server do that is gone.
import { createRequire } from "node:module";
import { createCollector } from "@kmkit/collector";

const { Session } = createRequire(createRequire(import.meta.url).resolve("@kmkit/collector"))("chdb");
let away = false;
for (const name of ["query", "queryAsync", "insert"]) {
  const call = Session.prototype[name];
  Session.prototype[name] = function (/** @type {unknown[]} */ ...args) {
    return away ? Promise.reject(new Error("Connection refused")) : call.apply(this, args);
  };
}

const collector = await createCollector({ directory: process.argv[2] ?? "", onError: () => {} });
const { port } = await collector.listen({ port: 0, host: "127.0.0.1" });
process.on("message", (/** @type {{ id: number, on: boolean }} */ { id, on }) => {
  away = on;
  process.send?.({ id });
});
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.send?.({ port });
