import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Visitor } from "@kmkit/shop/suite";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const script = fileURLToPath(new URL("../dist/start.js", import.meta.url));

let directory: string;
let started: ChildProcess;
let said: string;
let over: Promise<number | null>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kmkit-start-"));
});

afterEach(async () => {
  started.kill("SIGTERM");
  await over;
  await rm(directory, { recursive: true, force: true });
});

/** Runs what `npm start` runs, in a directory of its own. */
function start(...args: string[]): void {
  said = "";
  started = spawn(process.execPath, [script, "--collector-port", "0", ...args], { cwd: directory });
  for (const stream of [started.stdout, started.stderr]) stream?.on("data", (chunk) => (said += chunk));
  over = new Promise((resolve) => started.once("close", resolve));
}

/** Where the shop and the collector listen, once it has told. */
function addresses(): Promise<[shop: string, collector: string]> {
  return vi.waitFor(
    () => {
      const [shop, collector] = [...said.matchAll(/^ {2}The \w+ +(http:\S+)$/gm)].map(([, url]) => url);
      if (shop === undefined || collector === undefined) throw new Error(said);
      return [shop, collector];
    },
    { timeout: 20_000 },
  );
}

async function expectSilence(...urls: string[]): Promise<void> {
  for (const url of urls) await vi.waitFor(() => expect(fetch(url)).rejects.toThrow("fetch failed"), { timeout: 10_000 });
}

test.each(["SIGINT", "SIGTERM"] as const)("%s ends both, and what was recorded a moment before is there the next time", async (signal) => {
  start("--port", "0");
  const [shop, collector] = await addresses();
  expect(said).toContain(`npx kmkit person bob@bob.com --url ${collector}`);
  const visitor = new Visitor(shop);
  await visitor.open("/products/pebble");
  await visitor.submit("/signup", { email: "bob@bob.com", password: "correct horse", plan: "Pro" });
  started.kill(signal);
  expect(await over).toBe(0);
  await expectSilence(shop, collector);

  start("--port", "0");
  const [, again] = await addresses();
  const person = (await (await fetch(`${again}/v1/people/bob%40bob.com`)).json()) as { events: { name: string }[] };
  expect(person.events.map(({ name }) => name)).toEqual(["Viewed Homepage", "Signed Up", "Viewed Product"]);
});

test("a port that is taken is named, and nothing is left running", async () => {
  const squatter = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => squatter.once("listening", resolve));
  const { port } = squatter.address() as AddressInfo;
  start("--port", String(port));
  expect(await over).toBe(1);
  expect(said).toContain(`shop: port ${port} is taken`);
  expect(said).toContain("The shop did not start, so nothing is running.");
  squatter.close();
});

test("children do not outlive a parent that is killed", async () => {
  start("--port", "0");
  const urls = await addresses();
  started.kill("SIGKILL");
  await expectSilence(...urls);
});

test("a wrong option is explained", async () => {
  start("--prot", "3000");
  expect(await over).toBe(1);
  expect(said).toContain("Unknown option '--prot'");
  expect(said).toContain("--collector-port 8787");
});
