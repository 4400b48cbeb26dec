import { sdk } from "../rivals/sdk.js";
import { object, segmentBatch } from "./wire.js";

/** `@segment/analytics-node` as its documentation makes it. @param {import("./wire.js").Place} place @returns {Promise<import("./wire.js").Sdk>} */
export async function create({ url }) {
  const { Analytics } = await sdk("@segment/analytics-node");
  const client = new Analytics({ writeKey: "bench", host: url });
  return {
    record: (id, name, props) => client.track({ userId: id, event: name, properties: props }),
    flush: () => client.flush({ timeout: 15_000 }),
    close: () => client.closeAndFlush(),
  };
}

export const parse = segmentBatch;
export const reply = object({ success: true });
