// Makes load, a process of its own, driven over IPC: so many connections, each of which sends the next request when the last answer is in.
import { connect } from "node:net";

/** Whether an answer is all there; undefined: not yet. @param {string} text */
function statusOf(text) {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const status = Number(text.slice(9, 12));
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end + 2))?.[1];
  const whole = length === undefined ? text.endsWith("\r\n0\r\n\r\n") : text.length >= end + 4 + Number(length);
  return whole ? status : undefined;
}

/** @param {{ url: string, connections: number, ms: number, headers: Record<string, string> }} order */
async function load({ url, connections, ms, headers }) {
  const { hostname, port, pathname } = new URL(url);
  const lines = Object.entries({ host: `${hostname}:${port}`, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = Buffer.from(`GET ${pathname} HTTP/1.1\r\n${lines.join("")}\r\n`);
  const counts = { answered: 0, failed: 0 };
  const start = performance.now();
  const until = start + ms;
  /** @returns {Promise<void>} */
  const one = () =>
    new Promise((resolve) => {
      const socket = connect(Number(port), hostname);
      let text = "";
      let awaiting = false;
      const next = () => {
        if (performance.now() >= until) return socket.end();
        text = "";
        awaiting = true;
        socket.write(request);
      };
      socket.setNoDelay(true);
      socket.on("connect", next);
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        const status = statusOf(text);
        if (status === undefined) return;
        awaiting = false;
        if (status >= 200 && status < 300) counts.answered++;
        else counts.failed++;
        next();
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        if (awaiting) counts.failed++;
        resolve();
      });
    });
  await Promise.all(Array.from({ length: connections }, one));
  return { ...counts, ms: performance.now() - start };
}

process.on("message", async (/** @type {any} */ order) => process.send?.({ id: order.id, ...(await load(order)) }));
process.on("disconnect", () => process.exit(0));
process.send?.({ ready: true });
