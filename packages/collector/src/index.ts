export { type Collector, type CollectorOptions, createCollector } from "./collector.ts";
export type { Key } from "./keys.ts";
export type { LiveCommand } from "./live/shown.ts";
export type { Person } from "./store/person.ts";
