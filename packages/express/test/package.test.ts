import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { complaints } from "@kmkit/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const run = promisify(execFile);
const quiet = ["--no-audit", "--no-fund", "--prefer-offline"];
let directory: string;
/** Where TypeScript 5.9 is installed. */
let old: string;
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
  old = mkdtempSync(join(tmpdir(), "kmkit-typescript-"));
  writeFileSync(join(old, "package.json"), "{}");
  const older = run("npm", ["install", ...quiet, "typescript@5.9"], { cwd: old });
  const tarballs = readdirSync(directory).filter((name) => name.endsWith(".tgz"));
  await run("npm", ["install", ...quiet, ...tarballs.map((name) => `./${name}`)], { cwd: directory });
  await older;
}, 120_000);
afterAll(() => {
  for (const folder of [directory, old]) rmSync(folder, { recursive: true, force: true });
});

describe("@kmkit/express, packed and installed in an empty folder", () => {
  it("brings at most 20 packages and 4 MB, and nothing native", () => {
    const { packages } = JSON.parse(readFileSync(join(directory, "node_modules/.package-lock.json"), "utf8")) as { packages: object };
    const names = Object.keys(packages);
    expect(names.length).toBeLessThanOrEqual(20);
    expect(names.filter((name) => /chdb|lmdb|msgpackr/.test(name))).toEqual([]);
    expect(sizeOf(join(directory, "node_modules"))).toBeLessThan(4 * 2 ** 20);
  });

  it("shows the names that are promised, and no others", async () => {
    expect(JSON.parse(await node(`console.log(JSON.stringify(Object.keys(await import("@kmkit/express")).sort()))`))).toEqual([
      "KmError",
      "createKm",
      "kissmetricsTransport",
      "km",
      "recorder",
    ]);
  });

  it("can be required from CommonJS", async () => {
    expect(await node(`console.log(typeof require("@kmkit/express").km)`, "commonjs")).toBe("function");
  });

  describe.each(["7", "5.9"])("its types under TypeScript %s, without skipLibCheck", (version) => {
    const compiler = () => (version === "7" ? join(root, "node_modules/.bin/tsc") : join(old, "node_modules/typescript/bin/tsc"));
    const check = (files: Record<string, string>, ...types: string[]) => {
      rmSync(join(directory, "node_modules/@types"), { recursive: true, force: true });
      mkdirSync(join(directory, "node_modules/@types"), { recursive: true });
      for (const name of ["node", ...types]) {
        symlinkSync(join(root, "node_modules/@types", name), join(directory, "node_modules/@types", name));
      }
      for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
      return complaints(compiler(), directory, Object.keys(files));
    };

    it("is that version", async () => {
      expect((await run(process.execPath, [compiler(), "--version"])).stdout).toContain(`Version ${version}`);
    });

    it("hold on plain node:http, where there are no types of Express, and hold the app to the events that it declares", async () => {
      const events = `declare namespace Kmkit {
        interface Events { "Signed Up": { Plan: "Free" | "Pro" } }
        interface PersonProperties { Plan: "Free" | "Pro" }
      }`;
      const app = `import { createServer } from "node:http";
        import { createKm, type Km, km, recorder } from "@kmkit/express";
        const middleware = km({ identity: (req) => (req.secure ? req.originalUrl : null), onError: (error) => console.log(error.code) });
        createServer((req, res) => middleware(req, res, () => {}));
        const own: Km = createKm({ outbox: false }).as("bob");
        own.record("Signed Up", { Plan: "Pro" }, { time: new Date(), id: "evt_1" });
        own.set({ Plan: "Free" });
        // @ts-expect-error
        own.record("Sigend Up", { Plan: "Pro" });
        // @ts-expect-error
        own.set({ Plan: "Gold" });
        km(recorder().client);`;
      expect(await check({ "events.d.ts": events, "app.ts": app })).toEqual([]);
    });

    const app = `import express from "express";
      import { km } from "@kmkit/express";
      express()
        .use(km({ identity: (req) => req.user?.id ?? null }))
        .get("/", (req, res) => {
          req.km.record("Viewed Homepage", { Page: req.path });
          // @ts-expect-error a name is text
          req.km.record(42);
          res.send(req.km.identity);
        });
      declare global {
        namespace Express {
          interface Request { user?: { id: string } }
        }
      }`;

    it("hold with Express's types and without those of express-session", async () => {
      const without = `${app}
        // @ts-expect-error nothing here knows of a session
        km({ identity: (req) => req.session.email });`;
      expect(await check({ "app.ts": without }, "express")).toEqual([]);
    });

    it("hold with both, and the session that options see is the app's own", async () => {
      const both = `${app}
        import session from "express-session";
        declare module "express-session" {
          interface SessionData { email: string }
        }
        express().use(session({ secret: "cat" }), km({ identity: (req) => req.session.email ?? null }));
        // @ts-expect-error
        km({ identity: (req) => req.session.mail });`;
      expect(await check({ "app.ts": both }, "express", "express-session")).toEqual([]);
    });
  });
});
