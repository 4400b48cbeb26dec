export { type Child, startChild } from "./child.ts";
export { type Mode, type ReceivedCommand, type ReceivedRequest, type Receiver, startReceiver } from "./receiver.ts";
