export type { KmOptions } from "@kmkit/core";
export { type OutboxMessages, outboxChannels } from "./channels.ts";
export { createKm } from "./createkm.ts";
export { exchangeOf, type NodeHints } from "./exchange.ts";

export { clientOf } from "./options.ts";
export { clearDeadLetters, deadLetters, retryDeadLetters } from "./outbox/deadletters.ts";
export { type FileLimits, fileStorage } from "./outbox/filestorage.ts";
export { inspectOutbox, type OutboxState } from "./outbox/inspect.ts";
export { httpPost, threadGzip } from "./post.ts";
