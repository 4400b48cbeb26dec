// The collector with a store that is away: all of its HTTP side, its checks and its outbox on disk are at work, and nothing but that is measured.
// Prints its port; argument: the directory.
const dist = "../../../../../packages/collector/dist";
const { collectorOn, limits } = await import(`${dist}/collector.js`);
const { openChdb } = await import(`${dist}/store/chdb.js`);

const open = async (/** @type {string} */ directory) => ({
  ...(await openChdb(directory)),
  insert: () => Promise.reject(new Error("away")),
});
const options = { directory: /** @type {string} */ (process.argv[2]), onError: () => {} };
const collector = await collectorOn(options, { open, limits: { ...limits, maxBytes: 2 ** 33 } });
const { port } = await collector.listen({ port: 0, host: "127.0.0.1" });
console.log(JSON.stringify({ port }));
process.on("SIGTERM", () => process.exit(0));
