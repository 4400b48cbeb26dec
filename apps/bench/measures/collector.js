import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { sleep, start, track } from "../harness/children.js";

const program = join(dirname(createRequire(import.meta.url).resolve("kmkit/package.json")), "bin/kmkit.js");

/** `kmkit collector` on a directory, as a user starts it. @param {string} directory @param {number} [port] */
export async function startCollector(directory, port = 0) {
  const child = track(
    spawn(process.execPath, [program, "collector", "--port", String(port), "--data", directory], { stdio: ["ignore", "pipe", "pipe"] }),
  );
  let said = "";
  const url = await new Promise((resolve, reject) => {
    const hear = (/** @type {Buffer} */ chunk) => {
      said += chunk;
      const address = /ready on (http:\S+)/.exec(said)?.[1];
      if (address !== undefined) resolve(address);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", () => reject(new Error(`the collector ended: ${said.slice(-1000)}`)));
  });
  return {
    url: /** @type {string} */ (url),
    port: Number(new URL(url).port),
    pid: /** @type {number} */ (child.pid),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/**
 * As many commands (batches of 500) or classic calls as the answers let through, or `rate` commands a second. `first`: each command has a number of
 * its own, from here on.
 *
 * @param {{ port: number, kind: "commands" | "pixels", connections: number, seconds: number, first?: number, rate?: number, core?: number }} order
 * @returns {Promise<{ sent: number, refused: number, seconds: number }>}
 */
export const commandLoad = ({ port, kind, connections, seconds, first = 0, rate = 0, core }) =>
  start("commandload.js", [port, kind, connections, seconds, first, rate].map(String), { core }).ready;

/** A UUIDv7 of now. */
const uuid = () => {
  const hex = Date.now().toString(16).padStart(12, "0") + randomBytes(10).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
};

/**
 * Sends batches to a collector until it is told to stop, each of them again and again until it is acknowledged, as our client does.
 *
 * @param {string} url @param {{ senders: number, batch: number, pause: number }} how
 */
export function startSending(url, { senders, batch, pause }) {
  /** @type {Set<string>} */
  const acknowledged = new Set();
  /** @type {Set<string>} */
  const sent = new Set();
  /** How many were acknowledged when. @type {{ at: number, ms: number }[]} */
  const answers = [];
  let refused = 0;
  let stopped = false;
  let user = 0;
  const send = async () => {
    while (!stopped) {
      const ids = Array.from({ length: batch }, uuid);
      for (const id of ids) sent.add(id);
      const lines = ids.map((id) =>
        JSON.stringify({
          type: "record",
          id,
          time: Date.now(),
          identity: `user-${user++ % 5000}`,
          name: "Viewed Page",
          properties: { seq: id, plan: "premium" },
        }),
      );
      const body = `${lines.join("\n")}\n`;
      while (!stopped) {
        try {
          const start = performance.now();
          const headers = { authorization: "Bearer local", "content-type": "application/x-ndjson" };
          const answer = await fetch(`${url}/v1/commands`, { method: "POST", headers, body, signal: AbortSignal.timeout(15_000) });
          if (answer.status === 200) {
            const { rejected } = /** @type {{ rejected: unknown[] }} */ (await answer.json());
            refused += rejected.length;
            for (const id of ids) acknowledged.add(id);
            answers.push({ at: Date.now(), ms: performance.now() - start });
            break;
          }
          await answer.arrayBuffer();
        } catch {}
        await sleep(50);
      }
      await sleep(pause);
    }
  };
  const all = Promise.all(Array.from({ length: senders }, send));
  return {
    acknowledged,
    sent,
    answers,
    get refused() {
      return refused;
    },
    async stop() {
      stopped = true;
      await all;
    },
  };
}

/** Waits until a collector has stored all that it acknowledged. @param {string} url @param {number} most */
export async function stored(url, most) {
  const until = Date.now() + most;
  while (Date.now() < until) {
    const status = /** @type {{ waiting: number }} */ (await (await fetch(`${url}/v1/status`)).json());
    if (status.waiting === 0) return true;
    await sleep(200);
  }
  return false;
}

/** How often each command stands in the store, by id. @param {string} url */
export async function exported(url) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  const answer = await fetch(`${url}/v1/export`);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`/v1/export answers ${answer.status} ${text}`);
  for (const line of text.split("\n")) {
    if (line === "") continue;
    // The export gives out no ids, so each command has its own as a property too.
    const { seq } = JSON.parse(line);
    counts.set(seq, (counts.get(seq) ?? 0) + 1);
  }
  return counts;
}

/** Acknowledged and not stored; and stored more than once, or without having been sent. @param {ReturnType<typeof startSending>} sending @param {Map<string, number>} counts */
export function account({ acknowledged, sent }, counts) {
  let lost = 0;
  for (const id of acknowledged) if (!counts.has(id)) lost++;
  let wrong = 0;
  for (const [id, count] of counts) if (count > 1 || !sent.has(id)) wrong++;
  return { lost, wrong };
}
