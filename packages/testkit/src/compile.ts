import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "../../..");
const tsc = join(root, "node_modules/.bin/tsc");

/**
 * Runs a TypeScript compiler, strictly and without skipLibCheck, over some files of a folder, and gives what it complains about, each as
 * `file.ts(line): message`.
 */
export function complaints(compiler: string, cwd: string, files: readonly string[], options: readonly string[] = []): Promise<string[]> {
  const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false", "--pretty", "false"];
  const target = ["--module", "nodenext", "--target", "es2022", "--lib", "es2023", "--types", "node"];
  return new Promise((resolve) => {
    execFile(process.execPath, [compiler, ...strict, ...target, ...options, ...files], { cwd }, (_, out, error) => {
      const text = (out + error).replaceAll(/(\(\d+),\d+\): error TS\d+/g, "$1)").replaceAll(/\n\s+/g, " ");
      resolve(text.split("\n").filter((line) => line !== ""));
    });
  });
}

/**
 * Compiles a small project in a folder of its own, and gives what the compiler complains about. Only the packages in `packages` can be imported
 * there, as they can be where a package manager hoists nothing.
 *
 * @example
 * expect(await compile({ "app.ts": `import { km } from "@kmkit/express"; km(42);` })).toEqual([expect.stringContaining("app.ts(1)")]);
 */
export function compile(
  files: Readonly<Record<string, string>>,
  { packages = ["@kmkit/express", "@types/node"], options = [] }: { packages?: readonly string[]; options?: readonly string[] } = {},
): Promise<string[]> {
  return inFolder(async (folder) => {
    for (const name of packages) {
      mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
      symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
    }
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return await complaints(tsc, folder, Object.keys(files), options);
  });
}

/** Compiles a program, as a file of one of our packages would be, with decorators as NestJS has them. Throws what the compiler complains about. */
export function toJavaScript(program: string, ofPackage: string): Promise<string> {
  return inFolder(async (outer) => {
    const folder = join(outer, "package");
    symlinkSync(join(root, "node_modules"), join(outer, "node_modules"));
    const [from, to] = [join(root, ofPackage, "node_modules"), join(folder, "node_modules")];
    mkdirSync(join(to, "@kmkit"), { recursive: true });
    for (const name of existsSync(from) ? readdirSync(from) : []) symlinkSync(join(from, name), join(to, name));
    // Ours are copied, so that they find the framework that stands beside them, as they do when they are installed.
    for (const name of readdirSync(join(root, "packages")).filter((one) => existsSync(join(root, "packages", one, "dist")))) {
      for (const part of ["package.json", "dist"])
        cpSync(join(root, "packages", name, part), join(to, "@kmkit", name, part), { recursive: true });
    }
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    writeFileSync(join(folder, "program.ts"), program);
    const options = ["--noEmit", "false", "--skipLibCheck", "--experimentalDecorators"];
    const found = await complaints(tsc, folder, ["program.ts"], options);
    if (found.length > 0) throw new Error(found.join("\n"));
    return readFileSync(join(folder, "program.js"), "utf8");
  });
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "kmkit-compile-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
