import type { NextConfig } from "next";

export default { distDir: process.env.DIST ?? ".next" } satisfies NextConfig;
