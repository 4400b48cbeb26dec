import type { NextConfig } from "next";

const dist = process.env.DIST ?? ".next";

export default {
  distDir: dist,
  poweredByHeader: false,
  // The same in every build, so that what is built can be compared.
  generateBuildId: () => "build",
  // The types are the same in every build: one looks at them.
  typescript: { ignoreBuildErrors: dist !== ".next" },
  // For `next start`. A server's first request may come before anything of ours is loaded: now it does. What is made on demand is not kept.
  ...(process.env.START === undefined ? {} : { experimental: { preloadEntriesOnStart: false, isrFlushToDisk: false } }),
  rewrites: async () => [
    { source: "/rewritten", destination: "/product" },
    { source: "/rewritten-static", destination: "/static" },
  ],
  ...(process.env.PLAIN === undefined ? {} : { turbopack: { resolveAlias: { "@kmkit/next": "./lib/plain.ts" } } }),
} satisfies NextConfig;
