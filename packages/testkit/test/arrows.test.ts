import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const planted: string[] = [];

/** Puts a file into a package, lints it, and gives the rules that refused it. */
async function lint(folder: string, source: string): Promise<string> {
  const file = join(root, folder, "planted.ts");
  planted.push(file);
  writeFileSync(file, source);
  const { stdout } = await promisify(execFile)(join(root, "node_modules/.bin/biome"), ["lint", "--reporter=github", file], {
    cwd: root,
  }).catch((failed) => failed);
  return stdout;
}

afterEach(() => {
  for (const file of planted.splice(0)) rmSync(file);
});

/** The arrows of the architecture, each broken once: the linter must refuse. */
describe("arrows between packages point one way, and the linter minds it", () => {
  it.each([
    ["core imports node:fs", "packages/core/src", `import "node:fs";\n`, "noNodejsModules"],
    ["core loads node:os while running", "packages/core/src", `export const os = import("node:os");\n`, "noNodejsModules"],
    ["core imports @kmkit/node", "packages/core/src", `import "@kmkit/node";\n`, "noRestrictedImports"],
    ["node imports @kmkit/express", "packages/node/src", `import "@kmkit/express";\n`, "noRestrictedImports"],
    ["express imports @kmkit/collector", "packages/express/src", `import "@kmkit/collector";\n`, "noRestrictedImports"],
    ["the collector imports the command line", "packages/collector/src", `import "kmkit";\n`, "noRestrictedImports"],
    ["express reads the environment", "packages/express/src", `export const home: unknown = process.env.HOME;\n`, "noProcessEnv"],
    ["node imports what it does not declare", "packages/node/src", `import "react";\n`, "noUndeclaredDependencies"],
    ["a package prints", "packages/collector/src", `console.log("x");\n`, "noConsole"],
    [
      "a file of 201 lines",
      "packages/core/src",
      `${Array.from({ length: 201 }, (_, n) => `export const a${n} = ${n};`).join("\n")}\n`,
      "noExcessiveLinesPerFile",
    ],
  ])("%s", async (_, folder, source, rule) => {
    expect(await lint(folder, source)).toContain(rule);
  });

  it.each(["packages/core/src", "packages/node/src", "packages/express/src", "packages/collector/src"])(
    "and a file in %s that breaks none passes",
    async (folder) => {
      expect(await lint(folder, "export const planted = 1;\n")).not.toContain("::error");
    },
  );
});
