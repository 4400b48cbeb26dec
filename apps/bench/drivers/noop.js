import { text } from "./wire.js";

/** Records nothing: what the bench itself costs. @returns {import("./wire.js").Sdk} */
export const create = () => ({ record: () => {}, flush: async () => {}, close: async () => {} });

/** @returns {import("./wire.js").Seen[]} */
export const parse = () => [];
export const reply = text("");
