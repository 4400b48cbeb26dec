// The collector with a store that is away: all of its HTTP side, its checks and its outbox on disk are at work, and nothing but that is measured:
// `node door.js DIRECTORY` tells its port over IPC.
const dist = "../../../packages/collector/dist";
const { collectorOn, limits } = await import(`${dist}/collector.js`);
const { openChdb } = await import(`${dist}/store/chdb.js`);

const open = async (/** @type {string} */ directory) => ({
  ...(await openChdb(directory)),
  insert: () => Promise.reject(new Error("away")),
});
const options = { directory: process.argv[2] ?? "", onError: () => {} };
const collector = await collectorOn(options, { open, limits: { ...limits, maxBytes: 2 ** 34 } });
const { port } = await collector.listen({ port: 0, host: "127.0.0.1" });
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.send?.({ port });
