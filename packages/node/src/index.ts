export type { KmOptions } from "@kmkit/core";
export { createKm } from "./createkm.ts";
export { exchangeOf, type NodeHints } from "./exchange.ts";

export { clientOf } from "./options.ts";
export { type FileLimits, fileStorage } from "./outbox/filestorage.ts";
export { httpPost, threadGzip } from "./post.ts";
