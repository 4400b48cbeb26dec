import { Agent, request } from "node:http";
import { json, text } from "./wire.js";

/** What a batch may hold, what may wait, and how long the first of a batch waits for company. */
const [BATCH, MOST, LINGER] = [500, 100_000, 1000];

/**
 * The floor: what one writes by hand in an afternoon. An array in memory, batches, one POST at a time on a connection that is kept, tried again a
 * second later. Nothing is on disk, nothing is checked, nobody is known by a cookie.
 *
 * @param {import("./wire.js").Place} place @returns {import("./wire.js").Sdk}
 */
export function create({ url }) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const run = Date.now().toString(36);
  /** @type {{ id: string, time: number, identity: string, name: string, props: Record<string, string | number> }[]} */
  let waiting = [];
  let made = 0;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {Promise<void> | undefined} */
  let sending;

  /** @param {string} body @returns {Promise<void>} */
  const post = (body) =>
    new Promise((resolve, reject) => {
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const sent = request(`${url}/floor`, { method: "POST", agent, headers }, (answer) => {
        answer.resume();
        answer.on("end", () => (answer.statusCode === 200 ? resolve() : reject(new Error(`status ${answer.statusCode}`))));
      });
      sent.setTimeout(10_000, () => sent.destroy(new Error("no answer")));
      sent.on("error", reject);
      sent.end(body);
    });
  const drain = async () => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH);
      try {
        await post(JSON.stringify(batch));
        waiting = waiting.slice(batch.length);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    }
  };
  const send = () =>
    (sending ??= drain().finally(() => {
      sending = undefined;
    }));
  return {
    record(identity, name, props) {
      if (waiting.length >= MOST) return;
      waiting.push({ id: run + made++, time: Date.now(), identity, name, props });
      if (waiting.length >= BATCH) void send();
      else if (timer === undefined)
        timer = setTimeout(() => {
          timer = undefined;
          void send();
        }, LINGER);
    },
    flush: send,
    close: send,
  };
}

/** @param {import("./wire.js").Taken} request @returns {import("./wire.js").Seen[]} */
export const parse = ({ body }) => json(body).map((/** @type {any} */ one) => ({ seq: one.props.seq, id: one.id }));
export const reply = text("ok");
