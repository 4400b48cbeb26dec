import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "kmkit-planted-"));
  for (const file of ["package.json", "tsconfig.base.json", "vitest.workspace.ts"]) cpSync(join(root, file), join(copy, file));
  mkdirSync(join(copy, "apps"));
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  for (const name of ["core", "node", "express", "testkit"]) {
    for (const part of ["package.json", "src"]) {
      cpSync(join(root, "packages", name, part), join(copy, "packages", name, part), { recursive: true });
    }
  }
  const express = "packages/express";
  for (const file of ["suite.test.ts", "mount.ts"]) cpSync(join(root, express, "test", file), join(copy, express, "test", file));
  symlinkSync(join(root, express, "node_modules"), join(copy, express, "node_modules"));
});
afterAll(() => rmSync(copy, { recursive: true }));

interface Result {
  readonly passed: number;
  /** The titles of the tests that failed. */
  readonly failed: string[];
}

/** Runs the suite for Express 5 on the copy, but only the tests whose names hold one of these texts. */
async function run(...only: string[]): Promise<Result> {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const options = ["run", "--config", "vitest.workspace.ts", "--project", "express", "--reporter", "json"];
  const filter = ["-t", `^Express 5 .*(${only.join("|")})`];
  const { stdout } = await promisify(execFile)(process.execPath, [vitest, ...options, ...filter], {
    cwd: copy,
    env: { PATH: process.env.PATH ?? "" },
    maxBuffer: 1 << 26,
  }).catch((failed) => failed);
  const { testResults } = JSON.parse(stdout.slice(stdout.indexOf("{"))) as {
    testResults: { assertionResults: { status: string; title: string }[] }[];
  };
  const results = testResults.flatMap((file) => file.assertionResults);
  return {
    passed: results.filter(({ status }) => status === "passed").length,
    failed: results.filter(({ status }) => status === "failed").map(({ title }) => title),
  };
}

/** Each fault: where, what is replaced by what, which part of the suite is run, and a test that must turn red. */
const faults: [string, string, string, string, string, string][] = [
  [
    "'finish' instead of 'close'",
    "node/src/exchange.ts",
    'response.on("close"',
    'response.on("finish"',
    "a client that leaves",
    "before the headers: no alias, nothing thrown, and the next log in is whole",
  ],
  [
    "setHeader instead of append for Set-Cookie",
    "node/src/exchange.ts",
    'response.appendHeader("Set-Cookie", line)',
    'response.setHeader("Set-Cookie", line)',
    "beside the app's own cookies",
    "written by the framework, before and after a command",
  ],
  [
    "the identity kept in a module variable",
    "core/src/session.ts",
    "  name: string | null | undefined;",
    "  static kept: string | null | undefined;\n  get name() { return SessionReader.kept; }\n  set name(name) { SessionReader.kept = name; }",
    "three hundred visitors at once",
    "three hundred visitors at once, with awaits between: no command stands on another's person",
  ],
  [
    "a cookie on an answer that a cache may hand on",
    "core/src/requestvisitor.ts",
    'if (share === "fresh") return false;',
    "",
    "shared caches",
    "behind a cache, twenty visitors of every page stay twenty, and the cache never holds a cookie of ours",
  ],
  [
    "a claim written without km_ai",
    "core/src/pair.ts",
    "line(IDENTITY_COOKIE, pair.anonymous), companion]",
    "...(pair.claim === FREE ? [line(IDENTITY_COOKIE, pair.anonymous)] : []), companion]",
    "the visitor table",
    "a free identity becomes bob's on a request of a page",
  ],
  [
    "an alias without a page load",
    "core/src/visitor.ts",
    "return page ? claim(mint(), true) : { ...held, pair, write: false, alias: false };",
    "return claim(mint(), true);",
    "a bearer token",
    "a bearer token names its owner call by call: no cookie, and not one alias",
  ],
  [
    "a skip that no test answers to",
    "express/test/suite.test.ts",
    'adapterSuite("Express 5", mountOf(express5));',
    'adapterSuite("Express 5", mountOf(express5), { skip: { "no such test": "it was renamed since" } });',
    "every skip names",
    "every skip names a test or a group, and has a reason",
  ],
];

describe("the suite of all adapters, on a copy of the sources", () => {
  it("is green without a fault, in each part that the faults are tried on", { timeout: 60_000 }, async () => {
    const { passed, failed } = await run(...faults.map(([, , , , part]) => part));
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(50);
  });

  it.each(faults)("turns red for %s", { timeout: 60_000 }, async (_name, path, right, wrong, part, title) => {
    const file = join(copy, "packages", path);
    const source = readFileSync(file, "utf8");
    expect(source.split(right)).toHaveLength(2);
    writeFileSync(file, source.replace(right, wrong));
    const { failed } = await run(part);
    writeFileSync(file, source);
    expect(failed).toContain(title);
  });
});
