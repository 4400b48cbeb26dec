import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const run = promisify(execFile);
let directory: string;
const node = async (source: string, type = "module") =>
  (await run(process.execPath, [`--input-type=${type}`, "-e", source], { cwd: directory })).stdout.trim();

/** Apparent size of a folder in bytes. */
function sizeOf(path: string): number {
  const stats = statSync(path);
  return stats.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0) : stats.size;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "kmkit-package-"));
  const packages = ["@kmkit/core", "@kmkit/node", "@kmkit/express"];
  await run("npm", ["pack", ...packages.flatMap((name) => ["-w", name]), "--pack-destination", directory], { cwd: root });
  writeFileSync(join(directory, "package.json"), '{"name":"consumer","private":true,"type":"module"}');
  const tarballs = readdirSync(directory).filter((name) => name.endsWith(".tgz"));
  await run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...tarballs.map((name) => `./${name}`)], { cwd: directory });
}, 120_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe("@kmkit/express, packed and installed in an empty folder", () => {
  it("brings at most 20 packages and 24 MB, and no database server", () => {
    const { packages } = JSON.parse(readFileSync(join(directory, "node_modules/.package-lock.json"), "utf8")) as { packages: object };
    const names = Object.keys(packages);
    expect(names.length).toBeLessThanOrEqual(20);
    expect(names.filter((name) => name.includes("chdb"))).toEqual([]);
    expect(sizeOf(join(directory, "node_modules"))).toBeLessThan(24 * 2 ** 20);
  });

  it("loads no database when it is imported", async () => {
    const loaded = `await import("@kmkit/express"); console.log(require("fs").readFileSync("/proc/self/maps", "utf8").includes("lmdb"));`;
    if (process.platform === "linux") {
      expect(
        await node(`import { createRequire } from "node:module"; const require = createRequire(import.meta.url + "/x"); ${loaded}`),
      ).toBe("false");
    }
  });

  it("shows the names that are promised, and no others", async () => {
    expect(JSON.parse(await node(`console.log(JSON.stringify(Object.keys(await import("@kmkit/express")).sort()))`))).toEqual([
      "KmError",
      "createKm",
      "km",
      "recorder",
    ]);
  });

  it("can be required from CommonJS", async () => {
    expect(await node(`console.log(typeof require("@kmkit/express").km)`, "commonjs")).toBe("function");
  });

  it("its types hold without skipLibCheck and without the types of Express", async () => {
    mkdirSync(join(directory, "node_modules/@types"), { recursive: true });
    symlinkSync(join(root, "node_modules/@types/node"), join(directory, "node_modules/@types/node"));
    cpSync(join(root, "node_modules/undici-types"), join(directory, "node_modules/undici-types"), { recursive: true });
    writeFileSync(
      join(directory, "app.ts"),
      `import { createServer } from "node:http";
       import { createKm, type Km, km, recorder } from "@kmkit/express";
       const middleware = km({ identity: (req) => (req.secure ? req.originalUrl : null), onError: (error) => console.log(error.code) });
       createServer((req, res) => middleware(req, res, () => {}));
       const own: Km = createKm({ outbox: false }).as("bob");
       own.record("Signed Up", { Plan: "Pro" }, { time: new Date(), id: "evt_1" });
       // @ts-expect-error a name is text
       own.record(42);
       km(recorder().client);`,
    );
    const options = [
      "--noEmit",
      "--strict",
      "--exactOptionalPropertyTypes",
      "--module",
      "nodenext",
      "--target",
      "es2022",
      "--types",
      "node",
      "app.ts",
    ];
    const { stdout } = await run(join(root, "node_modules/.bin/tsc"), options, { cwd: directory }).catch((failed) => failed);
    expect(stdout).toBe("");
  });
});
