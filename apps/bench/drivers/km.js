import { km } from "@kmkit/express";
import { createKm } from "@kmkit/node";
import { object } from "./wire.js";

/** @param {import("./wire.js").Place} place @returns {import("./wire.js").Sdk} */
export function create({ url, dir }) {
  const client = createKm({ url, key: "local", outbox: `${dir}/km` });
  const watch = km(client);
  return {
    record: (id, name, props) => client.as(id).record(name, props),
    flush: () => client.flush(),
    close: () => client.close(2000),
    drains: true,
    middleware: (props) => (request, response, next) =>
      watch(request, response, () => {
        request.km.record("Viewed Page", props());
        next();
      }),
    stats: () => client.stats(),
  };
}

/** @param {import("./wire.js").Taken} request @returns {import("./wire.js").Seen[]} */
export const parse = ({ body }) =>
  body
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === "record")
    .map(({ id, properties }) => ({ seq: properties.seq, id }));

export const reply = object({ accepted: 1, rejected: [] });
