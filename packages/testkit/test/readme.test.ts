import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { Browser, type Receiver, runSnippet, type Snippet, snippetsOf, startReceiver, takeStep, toJavaScript } from "../src/index.ts";

const root = join(import.meta.dirname, "../../..");
const folders = ["packages", "apps"].flatMap((parent) => readdirSync(join(root, parent)).map((name) => `${parent}/${name}`));
const readmes = ["README.md", ...folders.flatMap((folder) => [`${folder}/README.md`, `${folder}/RECIPES.md`])].filter((page) =>
  existsSync(join(root, page)),
);

const blocks = readmes.flatMap(snippetsOf);
const title = ({ page, line }: Snippet) => `${page}:${line}`;

let receiver: Receiver;
let directory: string;
beforeAll(async () => {
  receiver = await startReceiver();
  directory = mkdtempSync(join(tmpdir(), "kmkit-readme-"));
});
afterAll(async () => {
  await receiver.close();
  rmSync(directory, { recursive: true, force: true });
});

describe("every snippet of every README", () => {
  it("is run, or compiled, or copied from a file that is", () => {
    const code = blocks.filter(({ language }) => language === "js" || language === "ts");
    expect(code.length).toBeGreaterThan(8);
    expect(code.filter(({ told }) => (told.run ?? told.from ?? told.compile) === undefined).map(title)).toEqual([]);
  });

  it.each(blocks.filter(({ told }) => told.run !== undefined).map((block) => [title(block), block] as const))(
    "%s does what it says",
    async (_, block) => {
      receiver.clear();
      const child = await runSnippet(block, { url: receiver.url, directory });
      // Also where an expectation fails before the end.
      onTestFinished(() => void child.process.kill("SIGKILL"));
      if (block.told.try !== undefined) {
        const browser = new Browser(`http://127.0.0.1:${await child.line("ready")}`);
        for (const step of block.told.try.split(" then ")) expect((await takeStep(browser, step)).status, step).toBeLessThan(400);
      }
      for (const wanted of (block.told.expect ?? "").split(" then ")) {
        const [, name, who] = /^(.+?)(?: by (.+))?$/.exec(wanted) ?? [];
        if (name?.startsWith("printed ")) expect(await child.line(name.slice(8))).toBe("");
        else {
          const [identity, alias] = wanted.split(" = ");
          const command = alias !== undefined ? { identity, alias } : who === undefined ? { name } : { name, identity: who };
          await vi.waitFor(() => expect(receiver.commands).toContainEqual(expect.objectContaining(command)), { timeout: 5000 });
        }
      }
      if (block.told.try !== undefined) child.process.kill();
      const { code, signal } = await child.ended;
      expect(code ?? signal, child.output.error).toBe(block.told.try === undefined ? 0 : "SIGTERM");
      expect(child.output.error).toBe("");
    },
  );

  it.each(blocks.filter(({ told }) => told.compile !== undefined).map((block) => [title(block), block] as const))(
    "%s compiles, but for the lines that it calls errors",
    async (_, { source, told }) => {
      await toJavaScript(source.replaceAll(/^.*\/\/ error\b/gm, "// @ts-expect-error\n$&"), told.compile as string);
    },
  );

  it.each(blocks.filter(({ told }) => told.from !== undefined).map((block) => [title(block), block] as const))(
    "%s stands in its file to the letter",
    (_, block) => {
      const plain = (text: string) =>
        text
          .split("\n")
          .map((line) => line.trim())
          .join("\n")
          .trim();
      expect(plain(readFileSync(join(root, block.told.from as string), "utf8"))).toContain(plain(block.source));
    },
  );

  const calls = blocks.flatMap(({ language, source }) => (language === "sh" ? [...source.matchAll(/npx kmkit ([a-z]+)(.*)$/gm)] : []));
  it.each([...new Set(calls.map(([call]) => call.replace(/\s+#.*/, "")))])("%s is a call that the command line takes", async (call) => {
    const words = call.split(" ").slice(2);
    // Some commands have commands of their own.
    const names =
      /^[a-z ]+/
        .exec(`${words.join(" ")} `)?.[0]
        .trim()
        .split(" ") ?? [];
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, "packages/cli/bin/kmkit.js"), ...names, "--help"]);
    for (const option of words.filter((word) => word.startsWith("--"))) expect(stdout).toContain(option);
  });

  it("names only scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };
    const named = readmes.flatMap((readme) =>
      [...readFileSync(join(root, readme), "utf8").matchAll(/npm (?:run )?(start|test|chromium|vitest|format|[a-z:]+)(?=[\s`])/g)].map(
        (match) => match[1] as string,
      ),
    );
    for (const name of named) if (!["install", "pack"].includes(name)) expect(Object.keys(scripts)).toContain(name);
  });
});
