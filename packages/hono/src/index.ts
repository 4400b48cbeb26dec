export {
  type Client,
  createKm,
  type KissmetricsOptions,
  type Km,
  type KmClient,
  KmError,
  type KmOptions,
  kissmetricsTransport,
  type Recorder,
  recorder,
} from "@kmkit/core";
export { km } from "./km.ts";
