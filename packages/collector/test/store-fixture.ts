import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openChdb } from "../src/store/chdb.ts";
import type { Engine } from "../src/store/engine.ts";
import { openStore, type Store } from "../src/store/store.ts";

export interface Opened {
  directory: string;
  engine: Engine;
  store: Store;
  reopen(): Promise<void>;
  end(): Promise<void>;
}

/** A store in a directory of its own, which is gone afterwards. */
export async function openTemporary(): Promise<Opened> {
  const directory = await mkdtemp(join(tmpdir(), "kmkit-store-"));
  const engine = await openChdb(directory);
  const opened: Opened = {
    directory,
    engine,
    store: await openStore(engine),
    async reopen() {
      await opened.store.close();
      opened.engine = await openChdb(directory);
      opened.store = await openStore(opened.engine);
    },
    async end() {
      await opened.store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return opened;
}

// Far above the ids that the tests give themselves.
let minted = 0x1000_0000;

/** A UUID whose text sorts by `n`. */
export function uuid(n: number): string {
  return `${n.toString(16).padStart(8, "0")}-0000-7000-8000-000000000000`;
}

/** An id as the app's own ones are: a UUID of version 5. */
export function uuid5(n: number): string {
  return `${n.toString(16).padStart(8, "0")}-0000-5000-8000-000000000000`;
}

export const start = 1_760_000_000_000;

interface Given {
  id?: string;
  time?: number;
  product?: number;
  received?: number;
}

function row(type: string, given: Given, rest: Record<string, unknown>): string {
  const { id = uuid(++minted), time = start, product = 1, received = start + 50 } = given;
  return JSON.stringify({ type, product, time, id, ...rest, received });
}

export function record(identity: string, name: string, properties: Record<string, string> = {}, given: Given = {}): string {
  return row("record", given, { identity, name, properties });
}

/** A record whose id the app gave, marked as the door marks it. */
export function own(identity: string, event: string, properties: Record<string, string>, given: Given & { id: string }): string {
  return record(identity, event, properties, given).replace('{"type":"record",', '{"type":"record","own":1,');
}

export function set(identity: string, properties: Record<string, string>, given: Given = {}): string {
  return row("set", given, { identity, properties });
}

export function alias(identity: string, other: string, given: Given = {}): string {
  return row("alias", given, { identity, alias: other });
}

export function name(kind: "event" | "property", display: string, first: number, product = 1): string {
  return JSON.stringify({ type: "name", product, kind, name: display.toLowerCase(), display, first });
}

/** The hashes of identities, by which they are ordered where their times are equal. */
export async function hashes(engine: Engine, identities: readonly string[]): Promise<Map<string, bigint>> {
  const [found] = await engine.query<{ h: string[] }>("SELECT arrayMap(i -> toString(sipHash64(i)), {identities:Array(String)}) AS h", {
    identities,
  });
  return new Map(identities.map((identity, index) => [identity, BigInt(found?.h[index] as string)]));
}

export async function lines(source: AsyncIterable<string>): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  for await (const line of source) all.push(JSON.parse(line) as Record<string, unknown>);
  return all;
}
