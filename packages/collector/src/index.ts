export { type Collector, type CollectorOptions, createCollector } from "./collector.ts";
export type { KeyKind } from "./keyfile.ts";
export { createKey, type KeyInfo, listKeys, type MadeKey, type NewKey, revokeKey, rotateKey } from "./keyring.ts";
export type { Admin, Key } from "./keys.ts";
export type { LiveCommand } from "./live/shown.ts";
export type { Person } from "./store/person.ts";
