import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A language whose programs a test can run, where its interpreter is installed. */
export interface Language {
  readonly name: string;
  /** What its files end in. */
  readonly ending: string;
  /** Its interpreter, as found in the PATH. */
  readonly command: string;
  readonly options?: readonly string[];
  /** Arguments with which it ends well where the modules are installed that the programs need. */
  readonly probe?: readonly string[];
}

export const languages: readonly Language[] = [
  { name: "Ruby", ending: "rb", command: "ruby", options: ["-w"] },
  { name: "PHP", ending: "php", command: "php", options: ["-d", "error_reporting=-1", "-d", "display_errors=stderr"] },
  { name: "Python", ending: "py", command: "python3", options: ["-W", "error"] },
  { name: "JavaScript", ending: "mjs", command: process.execPath },
  { name: "Perl", ending: "pl", command: "perl", probe: ["-MLWP::UserAgent", "-e", "1"] },
  { name: "curl", ending: "sh", command: "bash", options: ["-u"], probe: ["-c", "command -v curl"] },
];

/** Why a language's programs cannot be run here, if so. In CI they must: `.ci/interpreters` installs what they need. */
export function missing({ command, probe }: Pick<Language, "command" | "probe">): string | undefined {
  try {
    execFileSync("sh", ["-c", 'command -v "$0"', command], { stdio: "ignore" });
    if (probe !== undefined) execFileSync(command, probe, { stdio: "ignore" });
    return undefined;
  } catch {
    const why = `${command} or a module that the programs need is not installed; npm run interpreters installs them`;
    if (process.env.CI === "true") throw new Error(why);
    return why;
  }
}

/** How a program ended, and what it wrote to both outputs. */
export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** A directory in which programs are run, as their readers would. */
export interface Workplace {
  readonly directory: string;
  run(language: Language, source: string, env: Record<string, string>): Promise<Ended>;
  /** A file's text, undefined where there is none. */
  read(file: string): Promise<string | undefined>;
  end(): Promise<void>;
}

export async function openWorkplace(): Promise<Workplace> {
  const directory = await mkdtemp(join(tmpdir(), "kmkit-clients-"));
  return {
    directory,
    run: async ({ command, options = [], ending }, source, env) => {
      const file = join(directory, `program.${ending}`);
      await writeFile(file, source);
      return new Promise((resolve) => {
        const settings = { cwd: directory, timeout: 60_000, env: { ...process.env, ...env } };
        execFile(command, [...options, file], settings, (error, out, err) => {
          resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : -1, output: out + err });
        });
      });
    },
    read: (file) => readFile(join(directory, file), "utf8").catch(() => undefined),
    end: () => rm(directory, { recursive: true, force: true }),
  };
}

/** What a bad line does to a request: it arrives and the answer is lost, it never arrives, or something in front says that it is busy. */
export type Mishap = "lost answer" | "cut" | "busy";

export interface BadLine {
  readonly url: string;
  requests(): number;
  end(): void;
}

/** A line to the collector that fails for the first requests, as told, and then works. */
export async function badLine(to: string, mishaps: readonly (Mishap | "none")[]): Promise<BadLine> {
  let count = 0;
  const server = createServer(async (request, response) => {
    const mishap = mishaps[count++] ?? "none";
    if (mishap === "cut") return void request.socket.destroy();
    if (mishap === "busy") return void response.writeHead(503, { "content-length": 0 }).end();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = "GET", url, headers } = request;
    const { authorization } = headers;
    const body = method === "POST" ? { body: Buffer.concat(chunks) } : {};
    const answer = await fetch(`${to}${url}`, { method, headers: authorization === undefined ? {} : { authorization }, ...body });
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (mishap === "lost answer") return void request.socket.destroy();
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "", "content-length": bytes.length });
    return void response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => count,
    end: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** An address at which nothing listens. */
export async function nobody(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}
