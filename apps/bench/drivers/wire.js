/** One command as it was found on the wire: the number it was recorded with, and the SDK's own id of it. @typedef {{ seq: number, id?: string }} Seen */
/** A request as the sink got it, its body unpacked. @typedef {{ method: string, url: string, body: Buffer }} Taken */
/** What a vendor's server would answer. @typedef {{ type: string, body: string }} Reply */
/**
 * An SDK at work. `stats` is ours alone; `drains`: it looks after SIGTERM by itself, so its documented shutdown is to do nothing.
 *
 * @typedef {object} Sdk
 * @property {(id: string, name: string, props: Record<string, string | number>) => void} record
 * @property {() => Promise<unknown>} flush
 * @property {() => Promise<unknown>} close
 * @property {boolean} [drains]
 * @property {(props: () => Record<string, string | number>) => import("express").RequestHandler} [middleware]
 * @property {() => unknown} [stats]
 */
/** Where the SDK sends, and a directory that outlives its process. @typedef {{ url: string, dir: string }} Place */

/** @param {Buffer} body */
export const json = (body) => JSON.parse(body.toString("utf8"));

/** The batches of Segment and of those who speak its protocol. @param {Taken} request @returns {Seen[]} */
export const segmentBatch = ({ body }) =>
  json(body).batch.map((/** @type {any} */ event) => ({ seq: event.properties?.seq, id: event.messageId }));

/** Always the same text. @param {string} body @returns {() => Reply} */
export const text = (body) => () => ({ type: "text/plain", body });

/** JSON: this when all is well, otherwise an object that names the status. @param {object} well @returns {(status: number) => Reply} */
export const object = (well) => (status) => ({
  type: "application/json",
  body: JSON.stringify(status === 200 ? well : { code: status, error: `status ${status}` }),
});
