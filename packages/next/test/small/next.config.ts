import type { NextConfig } from "next";

const dist = process.env.DIST ?? ".next";

/** What a standalone server needs of lmdb: its native part is a package of its own, which no bundler finds. */
const standalone: NextConfig = {
  output: "standalone",
  serverExternalPackages: ["lmdb"],
  outputFileTracingIncludes: { "/*": ["../../../../node_modules/@lmdb/**"] },
};

export default {
  distDir: dist,
  ...(dist === ".next-standalone" ? standalone : {}),
  poweredByHeader: false,
  // The app's modules are loaded by the requests that need them: what `instrumentation.ts` does can be told from what they do.
  experimental: { preloadEntriesOnStart: false },
} satisfies NextConfig;
