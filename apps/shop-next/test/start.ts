import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { Program } from "@kmkit/shop/suite";

/** Where the app is. It has been built, as `npm test` does before it tests. */
export const dir = fileURLToPath(new URL("..", import.meta.url));

/** `next start`. Not by npx: an end would reach npx alone. */
export const start: Program = {
  args: [createRequire(import.meta.url).resolve("next/dist/bin/next"), "start", "-p", "0", "-H", "127.0.0.1"],
  cwd: dir,
};
