import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// An ordinary config (run with --config): one project a package, sources instead of dist for everything that runs inside vitest.
const root = fileURLToPath(new URL(".", import.meta.url));
const folders = ["packages", "apps"].flatMap((parent) => readdirSync(root + parent).map((name) => ({ name, path: `${parent}/${name}` })));

export default defineConfig({
  // "@kmkit/shop/suite" is apps/shop/src/suite/index.ts.
  resolve: {
    alias: folders.map(({ name, path }) => ({
      find: new RegExp(`^@kmkit/${name}(/\\w+)?$`),
      replacement: `${root}${path}/src$1/index.ts`,
    })),
  },
  test: {
    // chDB ends a worker thread with a crash, so every suite runs in a process of its own.
    pool: "forks",
    // Most suites wait for child processes and sockets: two at once, also on two cores.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: folders.map(({ name, path }) => ({ extends: true as const, root: path, test: { name, include: ["test/**/*.test.ts"] } })),
    reporters: ["default", "./packages/testkit/src/tally.ts"],
    coverage: { include: ["packages/*/src/**"] },
  },
});
