/** Next calls this once, before the first request: kmkit is there from that one on. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === "nodejs") await import("./lib/km");
}
