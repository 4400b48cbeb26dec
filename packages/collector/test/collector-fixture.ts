import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KmError } from "@kmkit/core";
import { type Collector, type CollectorOptions, createCollector, type Person } from "../src/index.ts";

export interface Running {
  readonly directory: string;
  readonly collector: Collector;
  readonly url: string;
  readonly port: number;
  /** What the collector reported. */
  readonly errors: KmError[];
  end(): Promise<void>;
}

/** A collector on a directory of its own and a free port. A process can have one at a time: end one before the next. */
export async function runCollector(options: Partial<CollectorOptions> = {}): Promise<Running> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "kmkit-collector-")));
  const errors: KmError[] = [];
  const collector = await createCollector({ directory, onError: (error) => errors.push(error), ...options });
  const { port } = await collector.listen({ port: 0, host: "127.0.0.1" });
  return {
    directory,
    collector,
    url: `http://127.0.0.1:${port}`,
    port,
    errors,
    end: async () => {
      await collector.close();
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

/** Posts a body to `/v1/commands`. */
export async function post(url: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
  const init = { method: "POST", headers: { authorization: "Bearer local", ...headers }, body: body as string };
  const response = await fetch(`${url}/v1/commands`, init);
  return { status: response.status, headers: response.headers, json: await response.json() };
}

/** Reads something as JSON. */
export async function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, { headers });
  return { status: response.status, headers: response.headers, json: await response.json() };
}

/** The person of an identity; fails the test where there is none. */
export async function person(url: string, identity: string, query = ""): Promise<Person> {
  const { status, json } = await get(`${url}/v1/people/${encodeURIComponent(identity)}${query}`);
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(json)} for ${identity}`);
  return json as Person;
}

type Rest = Readonly<Record<string, unknown>>;

/** A good record, as text; `rest` overwrites its members. */
export function record(identity: unknown, name: unknown, properties: unknown = {}, rest: Rest = {}): string {
  return JSON.stringify({ type: "record", id: randomUUID(), time: Date.now(), identity, name, properties, ...rest });
}

export function set(identity: unknown, properties: unknown, rest: Rest = {}): string {
  return JSON.stringify({ type: "set", id: randomUUID(), time: Date.now(), identity, properties, ...rest });
}

export function alias(identity: unknown, other: unknown, rest: Rest = {}): string {
  return JSON.stringify({ type: "alias", id: randomUUID(), time: Date.now(), identity, alias: other, ...rest });
}

let used = 0;

/** An identity that no other test uses. */
export function somebody(stem = "somebody"): string {
  return `${stem}-${++used}@shop.example`;
}

export function ndjson(...lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

/** Every order of some things. */
export function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}

/** Writes bytes to a socket and reads until the other side ends it (send `Connection: close`), or ends its own half after writing. */
export function raw(port: number, bytes: string | Buffer, host = "127.0.0.1", end = false): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = net.connect(port, host, () => (end ? socket.end(bytes) : socket.write(bytes)));
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("end", () => resolve(Buffer.concat(chunks)));
    socket.on("close", () => resolve(Buffer.concat(chunks)));
    socket.on("error", reject);
  });
}
