import type { NextConfig } from "next";

export default {
  poweredByHeader: false,
  experimental: { serverActions: { bodySizeLimit: "20kb" } },
  // While Next exchanges one page for the next there may be no link to the icon for a moment: then a browser asks for the old name.
  rewrites: async () => [{ source: "/favicon.ico", destination: "/icon.svg" }],
} satisfies NextConfig;
