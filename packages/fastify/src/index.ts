export { type Client, type Km, type KmClient, KmError, type Recorder, recorder } from "@kmkit/core";
export { createKm, type KissmetricsOptions, type KmOptions, kissmetricsTransport } from "@kmkit/node";
export { km } from "./km.ts";
