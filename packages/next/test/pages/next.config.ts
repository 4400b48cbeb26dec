import type { NextConfig } from "next";

export default {
  poweredByHeader: false,
  // With LAZY the app's modules are loaded by the requests that need them, as they are in `next dev`.
  experimental: { preloadEntriesOnStart: process.env.LAZY === undefined },
} satisfies NextConfig;
