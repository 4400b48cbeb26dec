// The receiving end, a process of its own: `node sink.js DRIVER` tells its two ports over IPC. Commands come to `port`; `control` takes
//   /mode?is=accept|500|429|hang|delay:2000|lost-reply|half-closed|down    /lazy?on=1    /stats?from=0&to=10000
// A command counts as received when its request was taken: answered with 200, or taken and the answer lost. `hang` and `half-closed` take nothing;
// when the mode changes, what hangs is cut. Lazy: answer now, look into the bodies when somebody asks for the figures.
import { createServer } from "node:http";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";

/** @typedef {import("../drivers/wire.js").Taken & { encoding: string | undefined, at: number }} Kept */
/**
 * @typedef {object} SinkStats
 * @property {number} requests
 * @property {number} wireBytes bodies as they came, and the urls of requests without one
 * @property {number} plainBytes the same with bodies unpacked
 * @property {number} received different commands in the range asked for
 * @property {number} copies how many times more than once they came
 * @property {number} foreignCopies copies that came under another id than the first time
 * @property {number} unread requests whose body could not be read
 * @property {number} lastNewAt when the last command came that had not come before, ms since the epoch
 */

/** Commands carry a number below this. */
const MOST = 5_000_000;
const driver = await import(`../drivers/${process.argv[2]}.js`);
const counts = new Uint8Array(MOST);
const foreign = new Uint8Array(MOST);
/** @type {Map<number, string | undefined>} */
const ids = new Map();
/** @type {Kept[]} */
let unopened = [];
const stats = { requests: 0, wireBytes: 0, plainBytes: 0, unread: 0, lastNewAt: 0 };
let mode = "accept";
let lazy = false;
/** @type {Set<import("node:net").Socket>} */
const hanging = new Set();

/** @param {string | undefined} encoding @param {Buffer} body */
const unpack = (encoding, body) => {
  if (encoding === "gzip") return gunzipSync(body);
  if (encoding === "br") return brotliDecompressSync(body);
  return encoding === "deflate" ? inflateSync(body) : body;
};

/** @param {Kept} request */
const open = (request) => {
  try {
    const body = unpack(request.encoding, request.body);
    stats.plainBytes += body.length || request.url.length;
    for (const { seq, id } of driver.parse({ ...request, body })) {
      if (!Number.isInteger(seq) || seq < 0 || seq >= MOST) continue;
      if (counts[seq] === 0) {
        ids.set(seq, id);
        stats.lastNewAt = request.at;
      } else if (id === undefined || ids.get(seq) !== id) foreign[seq] = 1;
      if (/** @type {number} */ (counts[seq]) < 255) counts[seq] = /** @type {number} */ (counts[seq]) + 1;
    }
  } catch (error) {
    stats.unread++;
    if (stats.unread < 4) console.error(error);
  }
};
/** @param {Kept} request */
const take = (request) => void (lazy ? unopened.push(request) : open(request));

const data = createServer((request, response) => {
  /** @type {Buffer[]} */
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("error", () => {});
  request.on("end", () => {
    const { method = "", url = "", headers, socket } = request;
    const body = chunks.length === 1 ? /** @type {Buffer} */ (chunks[0]) : Buffer.concat(chunks);
    stats.requests++;
    stats.wireBytes += body.length || url.length;
    const kept = { method, url, body, encoding: headers["content-encoding"], at: Date.now() };
    /** @param {number} status */
    const answer = (status) => {
      const { type, body: text } = driver.reply(status);
      const head = { "content-type": type, "content-length": Buffer.byteLength(text) };
      response.writeHead(status, status === 429 ? { ...head, "retry-after": "2" } : head).end(text);
    };
    if (mode === "accept") {
      take(kept);
      answer(200);
    } else if (mode === "500" || mode === "429") answer(Number(mode));
    else if (mode === "hang") hanging.add(socket);
    else if (mode === "half-closed") {
      hanging.add(socket);
      socket.end();
    } else if (mode === "lost-reply") {
      take(kept);
      socket.destroy();
    } else if (mode.startsWith("delay:"))
      setTimeout(
        () => {
          if (socket.destroyed) return;
          take({ ...kept, at: Date.now() });
          answer(200);
        },
        Number(mode.slice(6)),
      );
    else socket.destroy();
  });
});
Object.assign(data, { keepAliveTimeout: 65_000, requestTimeout: 0, headersTimeout: 0 });
data.on("connection", (socket) => socket.on("error", () => {}));

let port = 0;
/** @returns {Promise<void>} */
const up = () =>
  new Promise((resolve, reject) => {
    if (data.listening) return resolve();
    data.once("error", reject);
    data.listen({ port, host: "127.0.0.1", backlog: 4096 }, () => {
      data.removeListener("error", reject);
      port = /** @type {import("node:net").AddressInfo} */ (data.address()).port;
      resolve();
    });
  });
/** @returns {Promise<void>} */
const down = () =>
  new Promise((resolve) => {
    if (!data.listening) return resolve();
    data.close(() => resolve());
    data.closeAllConnections();
  });

/** @param {string} next */
const change = async (next) => {
  mode = next;
  if (next !== "hang" && next !== "half-closed") {
    for (const socket of hanging) socket.destroy();
    hanging.clear();
  }
  await (next === "down" ? down() : up());
};

/** @param {number} from @param {number} to @returns {SinkStats} */
const figures = (from, to) => {
  for (const request of unopened) open(request);
  unopened = [];
  let [received, copies, foreignCopies] = [0, 0, 0];
  for (let seq = from; seq < to; seq++) {
    const count = counts[seq] ?? 0;
    if (count === 0) continue;
    received++;
    copies += count - 1;
    foreignCopies += foreign[seq] ?? 0;
  }
  return { ...stats, received, copies, foreignCopies };
};

const control = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "", "http://sink");
  if (pathname === "/mode") await change(searchParams.get("is") ?? "accept");
  if (pathname === "/lazy") lazy = searchParams.get("on") === "1";
  response.end(JSON.stringify(figures(Number(searchParams.get("from")), Number(searchParams.get("to")))));
});

await up();
control.listen(0, "127.0.0.1", () =>
  process.send?.({ port, control: /** @type {import("node:net").AddressInfo} */ (control.address()).port }),
);
process.on("disconnect", () => process.exit(0));
