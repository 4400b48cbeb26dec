import { sdk } from "../rivals/sdk.js";
import { segmentBatch, text } from "./wire.js";

/**
 * `@rudderstack/rudder-sdk-node`, with the error handler that its documentation recommends: without one a flush that fails ends the process.
 *
 * @param {import("./wire.js").Place} place @returns {Promise<import("./wire.js").Sdk>}
 */
export async function create({ url }) {
  const { default: Analytics } = await sdk("@rudderstack/rudder-sdk-node");
  const client = new Analytics("bench", { dataPlaneUrl: url, errorHandler: () => {} });
  return {
    record: (id, name, props) => client.track({ userId: id, event: name, properties: props }),
    flush: () => client.flush(),
    close: () => client.flush(),
  };
}

export const parse = segmentBatch;
export const reply = text("OK");
