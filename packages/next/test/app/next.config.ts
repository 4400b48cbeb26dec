import type { NextConfig } from "next";

export default { distDir: process.env.DIST ?? ".next", poweredByHeader: false } satisfies NextConfig;
