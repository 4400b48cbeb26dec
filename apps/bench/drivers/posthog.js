import { sdk } from "../rivals/sdk.js";
import { json, object } from "./wire.js";

/** `posthog-node` as its documentation makes it. @param {import("./wire.js").Place} place @returns {Promise<import("./wire.js").Sdk>} */
export async function create({ url }) {
  const { PostHog } = await sdk("posthog-node");
  const client = new PostHog("phc_bench", { host: url });
  return {
    record: (id, name, props) => client.capture({ distinctId: id, event: name, properties: props }),
    flush: () => client.flush(),
    close: () => client.shutdown(),
  };
}

/** @param {import("./wire.js").Taken} request @returns {import("./wire.js").Seen[]} */
export const parse = ({ body }) => json(body).batch.map((/** @type {any} */ event) => ({ seq: event.properties?.seq, id: event.uuid }));
export const reply = object({ status: 1 });
