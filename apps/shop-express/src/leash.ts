// Loaded into each process that start.ts starts (node --import): whatever happens to the parent, its children do not outlive it.
if (!process.connected) process.exit(1);
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
// The channel to the parent is there to be noticed when it breaks. It must not keep a process alive that has done its work.
process.channel?.unref();
