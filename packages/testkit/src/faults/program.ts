/** What a recording app does besides: it obeys its parent over IPC and tells it, by a clock that both share, what it has recorded by when. */
const control = `
import dns from "node:dns";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
const now = () => Number(process.hrtime.bigint() / 1000n) / 1000;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let shift = Number(process.env.CLOCK ?? 0);
const RealDate = Date;
globalThis.Date = class Date extends RealDate {
  constructor(...parts) { if (parts.length === 0) super(RealDate.now() + shift); else super(...parts); }
  static now() { return RealDate.now() + shift; }
};
// Names that a test resolves; node:net asks dns.lookup at each connection.
let names = JSON.parse(process.env.NAMES ?? "{}");
const lookup = dns.lookup;
dns.lookup = (name, options, done) => {
  const address = names[name];
  if (address === undefined) return lookup(name, options, done);
  process.nextTick(() => (options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4)));
};
const reported = {};
const onError = ({ code }) => { reported[code] = (reported[code] ?? 0) + 1; };
// Without a listener errors are printed, each code once.
const options = { ...JSON.parse(process.env.OPTIONS), ...(process.env.LISTEN === "no" ? {} : { onError }) };
const listeners = () => process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
const resources = () => {
  const counts = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
};
const deeds = {
  async record({ label, from, count, rate }) {
    const start = performance.now();
    for (let n = from; n < count; ) {
      const due = rate === 0 ? n + 500 : from + Math.ceil(((performance.now() - start) * rate) / 1000);
      for (; n < Math.min(due, count); n += 1) client.as("p" + (n % 1000)).record("Seen", { n: label + "." + n, Plan: "Pro" });
      process.send({ noted: n, at: now() });
      await (rate === 0 ? new Promise(setImmediate) : pause(5));
    }
  },
  async warm({ label }) {
    client.as("warm").record("Warm", { n: label + ".warm" });
    await pause(10);
    await client.safe(10_000);
  },
  stats: () => client.stats(),
  reported: () => reported,
  flush: ({ ms }) => client.flush(ms),
  close: ({ ms }) => client.close(ms),
  names: (more) => { names = more.names; },
  // The channel to the parent is all that holds a plain app: without it, it is a script that has come to its end.
  letGo: () => void setTimeout(() => process.disconnect(), 5),
  clock: ({ ms }) => { shift = ms; },
  safe: () => client.safe(10_000),
  async safeThenStop({ ms }) {
    await client.safe(ms);
    process.kill(process.pid, "SIGSTOP");
  },
  async recordThenSafe({ label }) {
    client.as("last").record("Last", { n: label + ".last" });
    await client.safe(10_000);
  },
  state: () => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc");
    gc();
    gc();
    return { heap: process.memoryUsage().heapUsed, listeners: listeners(), resources: resources() };
  },
};
// How late this is tells whether the machine gives the process any time.
setInterval(() => { if (process.connected) process.send({ tick: now() }); }, 10).unref();
process.on("message", async ({ ask, deed, ...more }) => process.send({ answered: ask, value: (await deeds[deed](more)) ?? null }));
`;

/** A worker of jobs: records as many commands as it is told to, at the rate it is told. */
export const plain: string = `
import { createKm } from "../dist/index.js";
${control}
const client = createKm(options);
process.send({ ready: 0 });
`;

/** An app as anybody would write it: each request records one command. */
export const web: string = `
import express from "express";
import { createKm } from "@kmkit/node";
import { km } from "../dist/index.js";
${control}
const client = createKm(options);
const app = express();
app.use(km(client));
app.get("/:n", (req, res) => { req.km.record("Visited", { n: req.params.n }); res.send("ok"); });
const server = app.listen(0, "127.0.0.1", () => process.send({ ready: server.address().port }));
if (process.env.SHUTDOWN === "own") {
  // A graceful shutdown as Express documents it, with ours in it.
  process.on("SIGTERM", () => {
    server.close();
    server.closeIdleConnections();
    void client.close(1500).then((flushed) => { process.send({ flushed }, () => process.exit(0)); });
  });
}
`;
