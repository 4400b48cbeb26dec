export { type Client, createKm, type Km, type KmClient, KmError, type KmOptions, type Recorder, recorder } from "@kmkit/core";
export { km } from "./km.ts";
