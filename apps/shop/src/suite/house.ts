import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** What the collector tells about a person. */
export interface Person {
  identities: { identity: string; anonymous: boolean }[];
  properties: Record<string, { value: unknown; time: unknown }>;
  events: { id: string; name: string; time: unknown; identity: string; properties: Record<string, unknown> }[];
}

/** A collector and a shop as they are shipped, each a process of its own, on free ports and with nothing kept from before. */
export interface House {
  readonly shop: string;
  readonly collector: string;
  /** A person by HTTP. */
  person(identity: string): Promise<Person>;
  /** A person by `npx kmkit person … --json`. */
  personByCli(identity: string): Promise<Person>;
  /** Ends both, the shop first. */
  close(): Promise<void>;
}

const require = createRequire(import.meta.url);
const kmkit = join(dirname(require.resolve("kmkit/package.json")), "dist/main.js");

/** How a shop is started: its `dist/server.js`, or what to say to Node, and where. */
export type Program = URL | { readonly args: readonly string[]; readonly cwd: string };

/** Opens a house with this shop in it. */
export async function openHouse(program: Program): Promise<House> {
  const directory = await mkdtemp(join(tmpdir(), "kmkit-shop-"));
  const collector = await run([kmkit, "collector", "--port", "0", "--data", join(directory, "data")], {});
  const { args, cwd } = program instanceof URL ? { args: [fileURLToPath(program), "--port", "0"], cwd: process.cwd() } : program;
  const shop = await run(args, { KMKIT_URL: collector.url, KMKIT_OUTBOX: join(directory, "outbox"), KMKIT_KEY: "local" }, cwd);
  return {
    shop: shop.url,
    collector: collector.url,
    async person(identity) {
      const answer = await fetch(`${collector.url}/v1/people/${encodeURIComponent(identity)}`);
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      return (await answer.json()) as Person;
    },
    async personByCli(identity) {
      const { stdout } = await promisify(execFile)(process.execPath, [kmkit, "person", identity, "--json", "--url", collector.url]);
      return JSON.parse(stdout) as Person;
    },
    async close() {
      await shop.end();
      await collector.end();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** What a server says as soon as it listens: ours, or `next start`. */
const READY = / ready on (http:\S+)|Local: +(http:\S+)[\s\S]*Ready in/;

async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd = process.cwd(),
): Promise<{ url: string; end(): Promise<void> }> {
  const child = spawn(process.execPath, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const over = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    const listen = (chunk: Buffer) => {
      said += chunk;
      const [, ours, next] = READY.exec(said) ?? [];
      const ready = ours ?? next;
      if (ready !== undefined) resolve(ready);
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    void over.then(() => reject(new Error(`${args[0]} ended: ${said}`)));
  });
  return {
    url,
    async end() {
      child.kill("SIGTERM");
      await over;
    },
  };
}
