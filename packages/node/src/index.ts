export type { KmOptions } from "@kmkit/core";
export { createKm } from "./createkm.ts";
export { exchangeOf, type NodeHints } from "./exchange.ts";
export { lmdbStorage } from "./lmdb.ts";
export { clientOf } from "./options.ts";
export { httpPost, threadGzip } from "./post.ts";
