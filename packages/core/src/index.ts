export { isPageLoad, type LeftOut } from "./admission.ts";
export type { Entry } from "./batch.ts";
export { Batch } from "./batch.ts";
export { Client, type KmClient, type KmStats } from "./client.ts";
export { type Command, MAX_COMMAND, parseCommand, timeInRange, timeOf } from "./command.ts";
export { createKm, MEMORY_BYTES, type Runtime } from "./createkm.ts";
export { createOutbox } from "./delivery.ts";
export { codes, type KmCode, KmError, type Report } from "./errors.ts";
export type { Exchange } from "./exchange.ts";
export { derive, identityText, isAnonymous, isJunk, isOurCookie, mintAnonymous, mintId, NAMESPACE } from "./identity.ts";
export { type KissmetricsOptions, kissmetricsTransport } from "./kissmetrics.ts";
export type { EventName, EventRest, Km, PersonPropertiesInput, PropertiesInput, RecordOptions } from "./km.ts";
export { canonicalName, cleanName, MAX_NAME } from "./names.ts";
export { type ClientOptions, clientOf, type KmOptions, type RequestOptions, type SessionIdentity } from "./options.ts";
export {
  clientLimits,
  type Flushed,
  type Observe,
  type Outbox,
  type OutboxEvent,
  type OutboxLimits,
  type OutboxStats,
  type Transport,
} from "./outbox.ts";
export type { CookieOptions } from "./pair.ts";
export { MAX_VALUE, type Properties } from "./properties.ts";
export { type Recorder, recorder } from "./recorder.ts";
export { createReporter, printable, type Reporter } from "./report.ts";
export { type OpenedKm, openRequest } from "./request.ts";
export { type DeadLetter, type Held, memoryStorage, type OutboxStorage, type StorageWatcher, type Waiting } from "./storage.ts";
export { type Answer, type Call, fetchCall, fetchPost, type Gzip, httpTransport, type Post, streamGzip } from "./transport.ts";
export { MAX_RETRY_AFTER, type Refusal, type Verdict, verdict } from "./verdict.ts";
export { type Beneath, WebExchange, type WebHints } from "./webexchange.ts";
