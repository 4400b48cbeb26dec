import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Receiver, startChild, startReceiver } from "../src/index.ts";

const root = join(import.meta.dirname, "../../..");
const readmes = [
  "README.md",
  "packages/core/README.md",
  "packages/node/README.md",
  "packages/express/README.md",
  "packages/collector/README.md",
  "packages/cli/README.md",
  "apps/shop-express/README.md",
];

interface Block {
  readme: string;
  line: number;
  language: string;
  source: string;
  /** What stands in the comment before the block: `run`, `try`, `expect`, `from`. */
  told: Record<string, string>;
}

const blocks: Block[] = readmes.flatMap((readme) => {
  const text = readFileSync(join(root, readme), "utf8");
  return [...text.matchAll(/(?:<!-- (.+?) -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    readme,
    line: text.slice(0, match.index).split("\n").length,
    language: match[2] ?? "",
    source: match[3] ?? "",
    told: Object.fromEntries(
      (match[1] ?? "").split("; ").map((part) => [part.slice(0, part.indexOf(":")), part.slice(part.indexOf(":") + 1).trim()]),
    ),
  }));
});
const title = ({ readme, line }: Block) => `${readme}:${line}`;

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
  it("is run, or copied from a file that is", () => {
    const code = blocks.filter(({ language }) => language === "js" || language === "ts");
    expect(code.length).toBeGreaterThan(8);
    expect(code.filter(({ told }) => told.run === undefined && told.from === undefined).map(title)).toEqual([]);
  });

  it.each(blocks.filter(({ told }) => told.run !== undefined).map((block) => [title(block), block] as const))(
    "%s does what it says",
    async (_, block) => {
      receiver.clear();
      const source = block.source
        .replace(/(\w+)\.listen\(3000\)/, `const listening = $1.listen(0, () => console.log("ready", listening.address().port))`)
        .replace(".kmkit/data", directory);
      const env = {
        KMKIT_URL: receiver.url,
        KMKIT_KEY: "k",
        KMKIT_OUTBOX: join(directory, `outbox-${block.line}-${block.readme.length}`),
        NODE_ENV: "test",
      };
      const child = startChild(source, { cwd: join(root, block.told.run as string), env });
      if (block.told.try !== undefined) {
        const [method = "GET", path = "/", body] = block.told.try.split(" ");
        const port = await child.line("ready");
        const form = body === undefined ? {} : { body: new URLSearchParams(body) };
        expect((await fetch(`http://127.0.0.1:${port}${path}`, { method, redirect: "manual", ...form })).status).toBeLessThan(400);
      }
      const [, name, who] = /^(.+?)(?: by (.+))?$/.exec(block.told.expect ?? "") ?? [];
      if (name?.startsWith("printed ")) expect(await child.line(name.slice(8))).toBe("");
      else {
        const wanted = who === undefined ? { name } : { name, identity: who };
        await vi.waitFor(() => expect(receiver.commands).toContainEqual(expect.objectContaining(wanted)), { timeout: 5000 });
      }
      if (block.told.try !== undefined) child.process.kill();
      const { code, signal } = await child.ended;
      expect(code ?? signal, child.output.error).toBe(block.told.try === undefined ? 0 : "SIGTERM");
      expect(child.output.error).toBe("");
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
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, "packages/cli/bin/kmkit.js"), words[0] as string, "--help"]);
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
