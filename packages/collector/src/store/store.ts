import { KmError } from "@kmkit/core";
import { countCommands } from "./counts.ts";
import type { Engine } from "./engine.ts";
import { exportLines } from "./export.ts";
import { type Edge, link } from "./link.ts";
import { allNames, type Name } from "./names.ts";
import { type Page, type Person, readPerson } from "./person.ts";
import { relink } from "./relink.ts";
import { applySchema } from "./schema.ts";
import { readIdentities, readTied, type Tied } from "./whose.ts";

/** Keeps commands and knows people: what the collector's door and outbox stand on. */
export interface Store {
  /**
   * Stores lines of JSON, a command row or a name row each, and resolves when all of it is in, people linked too. If it rejects, send the
   * same lines again (nothing counts twice); if {@link isBadRow} says so, split them first, since one row is refused for its content.
   * An id counts once a person for ever, at its earliest time, whatever time, identity and content its retries have, and whatever comes
   * first. The line of a record whose id the app gave has `"own":1`: only those are looked through in {@link Store.counts}.
   *
   * @example
   * await store.write([
   *   '{"type":"name","product":1,"kind":"event","name":"signed up","display":"Signed Up","first":1760000000000}',
   *   '{"type":"record","product":1,"time":1760000000000,"id":"…","identity":"bob","name":"signed up","properties":{"plan":"Pro"},"received":1760000000050}',
   * ]);
   */
  write(lines: readonly string[]): Promise<void>;
  /** See {@link readPerson}. */
  person(product: number, identity: string, page?: Page): Promise<Person | undefined>;
  /** See {@link readTied}. */
  tied(product: number, identities: readonly string[]): Promise<Map<string, Tied>>;
  /** See {@link readIdentities}. */
  identities(product: number, identities: readonly string[]): Promise<Set<string>>;
  /** Every name of every product with its display form. */
  names(): Promise<Name[]>;
  /** See {@link exportLines}. */
  export(product: number): AsyncIterable<string>;
  /** How many commands are stored, of all products, each id once a person. */
  counts(): Promise<{ commands: number }>;
  /** Puts right whose identities are whose, from the edges; returns how many were wrong. For the start and every ten minutes after. */
  relink(): Promise<number>;
  /** Waits for what was begun and closes the engine. */
  close(): Promise<void>;
}

const commandColumns = ["product", "time", "id", "type", "identity", "name", "alias", "properties", "received", "own"];
const nameColumns = ["product", "kind", "name", "display", "first"];

function bytes(lines: readonly string[]): Uint8Array {
  return Buffer.from(`${lines.join("\n")}\n`);
}

function edge(line: string): Edge {
  try {
    const { product, identity, alias } = JSON.parse(line) as Edge;
    return { product, identity, alias };
  } catch (cause) {
    throw new KmError("KM_REJECTED", "an alias is not JSON", cause);
  }
}

/**
 * The store on an engine; makes the tables that are missing, and renews those of the form before (see {@link applySchema}). One store an
 * engine, and one process a directory. If it rejects (KM_STORE_BROKEN), the engine is still open and the caller's to close.
 *
 * @example
 * const store = await openStore(await openChdb(".kmkit/data"));
 */
export async function openStore(engine: Engine): Promise<Store> {
  await applySchema(engine).catch((cause: Error) => {
    throw cause instanceof KmError && cause.code === "KM_STORE_BROKEN" ? cause : new KmError("KM_STORE_BROKEN", cause.message, cause);
  });
  const begun = new Set<Promise<unknown>>();
  /** A write is several statements: closing between two of them would throw away work that is nearly done. */
  const finish = <T>(work: Promise<T>): Promise<T> => {
    begun.add(work);
    const done = (): boolean => begun.delete(work);
    work.then(done, done);
    return work;
  };
  let linked: Promise<unknown> = Promise.resolve();
  /** Linking reads labels and then writes: two at a time could each miss what the other one writes. */
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const result = linked.then(work);
    linked = result.catch(() => {});
    return result;
  };

  const write = async (lines: readonly string[]): Promise<void> => {
    const names = lines.filter((line) => line.startsWith('{"type":"name"'));
    const commands = names.length === 0 ? lines : lines.filter((line) => !line.startsWith('{"type":"name"'));
    if (commands.length > 0) await engine.insert("km.commands", commandColumns, bytes(commands));
    if (names.length > 0) await engine.insert("km.names", nameColumns, bytes(names));
    const edges = commands.filter((line) => line.startsWith('{"type":"alias"')).map(edge);
    const real = edges.filter(({ identity, alias }) => identity && alias);
    if (real.length > 0) await alone(() => link(engine, real));
  };

  return {
    write: (lines) => finish(write(lines)),
    person: (product, identity, page) => finish(readPerson(engine, product, identity, page)),
    tied: (product, identities) => finish(readTied(engine, product, identities)),
    identities: (product, identities) => finish(readIdentities(engine, product, identities)),
    names: () => allNames(engine),
    export: (product) => exportLines(engine, product),
    counts: async () => ({ commands: await countCommands(engine) }),
    relink: () => finish(alone(() => relink(engine))),
    async close() {
      await Promise.allSettled(begun);
      await engine.close();
    },
  };
}
