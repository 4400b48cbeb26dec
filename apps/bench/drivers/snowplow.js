import { sdk } from "../rivals/sdk.js";
import { json, text } from "./wire.js";

/** `@snowplow/node-tracker` as its documentation makes it. @param {import("./wire.js").Place} place @returns {Promise<import("./wire.js").Sdk>} */
export async function create({ url }) {
  const { newTracker, buildSelfDescribingEvent } = await sdk("@snowplow/node-tracker");
  const { hostname, port } = new URL(url);
  const tracker = newTracker({ namespace: "bench", appId: "bench" }, { endpoint: hostname, port: Number(port), protocol: "http" });
  return {
    record(id, name, props) {
      tracker.setUserId(id);
      const schema = `iglu:com.example/${name.toLowerCase().replaceAll(" ", "_")}/jsonschema/1-0-0`;
      tracker.track(buildSelfDescribingEvent({ event: { schema, data: props } }));
    },
    flush: () => tracker.flush(),
    close: () => tracker.flush(),
  };
}

/** @param {import("./wire.js").Taken} request @returns {import("./wire.js").Seen[]} */
export const parse = ({ body }) =>
  json(body).data.map((/** @type {any} */ event) => {
    const { data } = event.ue_px ? json(Buffer.from(event.ue_px, "base64url")) : JSON.parse(event.ue_pr);
    return { seq: data.data.seq, id: event.eid };
  });
export const reply = text("ok");
