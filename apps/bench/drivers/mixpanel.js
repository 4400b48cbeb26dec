import { sdk } from "../rivals/sdk.js";
import { json } from "./wire.js";

/** `mixpanel`: it sends each event by itself and has neither flush nor shutdown. @param {import("./wire.js").Place} place @returns {Promise<import("./wire.js").Sdk>} */
export async function create({ url }) {
  const { default: Mixpanel } = await sdk("mixpanel");
  const client = Mixpanel.init("bench", { host: new URL(url).host, protocol: "http" });
  return {
    record: (id, name, props) => client.track(name, { ...props, distinct_id: id }),
    flush: async () => {},
    close: async () => {},
  };
}

/** @param {import("./wire.js").Taken} request @returns {import("./wire.js").Seen[]} */
export function parse({ method, url, body }) {
  const form = method === "GET" ? new URL(url, "http://sink").searchParams : new URLSearchParams(body.toString("utf8"));
  const events = json(Buffer.from((form.get("data") ?? "").replaceAll(" ", "+"), "base64"));
  return [events].flat().map((event) => ({ seq: event.properties?.seq, id: event.properties?.$insert_id }));
}

/** @param {number} status @returns {import("./wire.js").Reply} */
export const reply = (status) => ({ type: "text/plain", body: status === 200 ? "1" : "0" });
