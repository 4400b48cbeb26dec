export { type AppOptions, RecordingApp, type State } from "./app.ts";
export { type Certificate, known, stranger } from "./certificates.ts";
export { limitFiles, SmallDisk } from "./disk.ts";
export { long, monotonic, pause, sized, until } from "./form.ts";
export { Ledger } from "./ledger.ts";
export { Load } from "./load.ts";
export { anonymousMemory, isStopped, MemoryWatch } from "./memory.ts";
export { type Arrival, type Behaviour, FaultyReceiver } from "./receiver.ts";
export { type Finish, Rig } from "./rig.ts";
