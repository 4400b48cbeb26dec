import type { NextConfig } from "next";

const dist = process.env.DIST ?? ".next";

export default {
  distDir: dist,
  ...(dist === ".next-standalone" ? ({ output: "standalone" } as const) : {}),
  poweredByHeader: false,
  // The app's modules are loaded by the requests that need them: what `instrumentation.ts` does can be told from what they do.
  experimental: { preloadEntriesOnStart: false },
} satisfies NextConfig;
