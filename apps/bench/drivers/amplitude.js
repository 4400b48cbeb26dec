import { sdk } from "../rivals/sdk.js";
import { json, object } from "./wire.js";

/** `@amplitude/analytics-node` as its documentation makes it. @param {import("./wire.js").Place} place @returns {Promise<import("./wire.js").Sdk>} */
export async function create({ url }) {
  const { createInstance } = await sdk("@amplitude/analytics-node");
  const client = createInstance();
  await client.init("bench", { serverUrl: `${url}/2/httpapi` }).promise;
  return {
    record: (id, name, props) => client.track(name, props, { user_id: id }),
    flush: () => client.flush().promise,
    close: () => client.flush().promise,
  };
}

/** @param {import("./wire.js").Taken} request @returns {import("./wire.js").Seen[]} */
export const parse = ({ body }) =>
  json(body).events.map((/** @type {any} */ event) => ({ seq: event.event_properties?.seq, id: event.insert_id }));
export const reply = object({ code: 200, events_ingested: 1, payload_size_bytes: 1, server_upload_time: 1 });
