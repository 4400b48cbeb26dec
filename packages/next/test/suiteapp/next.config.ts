import type { NextConfig } from "next";

/** The same addresses on both runtimes: a header says which one a mount is about. */
const edge = { source: "/:path*", has: [{ type: "header", key: "x-edge" } as const], destination: "/edge/:path*" };

export default {
  poweredByHeader: false,
  rewrites: async () => ({ beforeFiles: [edge], afterFiles: [], fallback: [] }),
} satisfies NextConfig;
