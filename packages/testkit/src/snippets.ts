import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Answer, type Browser, formOf } from "./adapter/browser.ts";
import { type Child, startChild } from "./child.ts";
import { toJavaScript } from "./compile.ts";

const root = join(import.meta.dirname, "../../..");

/** A block of code in a page of documentation. */
export interface Snippet {
  readonly page: string;
  readonly line: number;
  /** The heading it stands under. */
  readonly heading: string;
  readonly language: string;
  readonly source: string;
  /**
   * What stands in the comment before the block, parted by semicolons:
   * - `run`: it is a program of the package in this folder, and is run;
   * - `try`: steps that a browser takes (see {@link takeStep}), parted by ` then `;
   * - `expect`: what comes of it, parted by ` then `: an event (`Paid by bob@bob.com`), an alias (`a = b`), or a line that is `printed …`;
   * - `compile`: it is only compiled, in that folder; its lines marked `// error` must be errors;
   * - `from`: it stands in that file.
   */
  readonly told: Readonly<Record<string, string>>;
}

/** The snippets of a page, in their order. */
export function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/(?:<!-- ((?:(?!-->)[\s\S])+) -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => {
    const before = text.slice(0, match.index).split("\n");
    const parts = (match[1] ?? "")
      .replaceAll(/\s+/g, " ")
      .split(/;\s+/)
      .map((part) => [part.slice(0, part.indexOf(":")), part.slice(part.indexOf(":") + 1).trim()]);
    return {
      page,
      line: before.length,
      heading: before.findLast((line) => /^#+ /.test(line))?.replace(/^#+ /, "") ?? "",
      language: match[2] ?? "",
      source: match[3] ?? "",
      told: Object.fromEntries(parts),
    };
  });
}

/** Runs a snippet as its reader would, except that it listens on a free port. The line `ready` tells the port. */
export async function runSnippet(snippet: Snippet, { url, directory }: { url: string; directory: string }): Promise<Child> {
  const { source, language, told, page, line } = snippet;
  const program = (language === "ts" ? await toJavaScript(source, told.run as string) : source)
    .replace("await app.listen(3000)", `await app.listen(0); console.log("ready", new URL(await app.getUrl()).port)`)
    .replace(/(\w+)\.listen\(3000\)/, `const listening = $1.listen(0, () => console.log("ready", listening.address().port))`)
    .replace("app.listen({ port: 3000 })", `console.log("ready", new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port)`)
    .replace(/serve\(\{ (.+), port: 3000 \}\)/, `serve({ $1, port: 0 }, ({ port }) => console.log("ready", port))`)
    .replace("https://trk.kissmetrics.io", url)
    .replace(".kmkit/data", directory);
  const env = { KMKIT_URL: url, KMKIT_KEY: "k", KMKIT_OUTBOX: join(directory, `outbox-${page.length}-${line}`), NODE_ENV: "test" };
  return startChild(program, { cwd: join(root, told.run as string), env });
}

/**
 * Does one step of a `try` in a browser: a method and a path, then `Header=value` (a capital first), `field=value` of a form, or a JSON body.
 * Spaces are written `%20`.
 *
 * @example
 * await takeStep(browser, "POST /signup email=bob@bob.com Authorization=Bearer%20t0k3n");
 */
export async function takeStep(browser: Browser, step: string): Promise<Answer> {
  const [method = "GET", path = "/", ...words] = step.split(" ");
  const headers: Record<string, string> = {};
  const fields: Record<string, string> = {};
  let json: string | undefined;
  for (const word of words) {
    const [key, value] = [word.slice(0, word.indexOf("=")), decodeURIComponent(word.slice(word.indexOf("=") + 1))];
    if (word.startsWith("{")) json = decodeURIComponent(word);
    else if (/^[A-Z]/.test(key)) headers[key.toLowerCase()] = value;
    else fields[key] = value;
  }
  const jsonOf = (body: string) => ({ method, headers: { "content-type": "application/json", ...headers }, body });
  const form = Object.keys(fields).length > 0 ? formOf(fields, headers) : { headers };
  return browser.take(await browser.ask(path, json === undefined ? { ...form, method } : jsonOf(json)));
}
