/** As the README has it, where a test wants it: others are about requests that come before the package is loaded. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === "nodejs" && process.env.INSTRUMENTED !== undefined) {
    await import("@kmkit/next");
    console.log("instrumented");
  }
}
