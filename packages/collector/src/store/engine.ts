import { KmError } from "@kmkit/core";

/**
 * Which queue a statement waits in. A lane runs one statement at a time; the lanes run side by side, so a slow report never holds up a
 * person page or an insert. Only `write` may change anything.
 */
export type Lane = "write" | "quick" | "report";

/** A value for a `{name:Type}` placeholder. `UInt64` takes bigints and decimal text, since a double cannot hold it. */
export type Value = string | number | bigint | boolean | readonly Value[] | ReadonlyMap<string, Value>;

/** The values of one statement's placeholders, by name. */
export type Params = Readonly<Record<string, Value>>;

/**
 * What the store needs of a ClickHouse: the seam between chDB in this process and a server. Everything is asynchronous, and whatever
 * fails rejects with a {@link KmError}; {@link isBadRow} tells a refused row from a passing fault.
 */
export interface Engine {
  /**
   * The rows of a SELECT as objects, by way of JSON: 64-bit integers must leave the SQL through `toString()`.
   *
   * @param lane `quick` unless given.
   * @example
   * await engine.query<{ n: number }>("SELECT count() AS n FROM km.commands WHERE product = {p:UInt32}", { p: 1 });
   */
  query<Row>(sql: string, params?: Params, lane?: Lane): Promise<Row[]>;
  /** The rows of a SELECT as RowBinary bytes, for results of millions of numbers. */
  binary(sql: string, params?: Params, lane?: Lane): Promise<Uint8Array>;
  /**
   * The rows of a SELECT in blocks of a hundred or so, to be gone through once, for results that do not fit into memory. They are read as
   * they are taken, from what was there at the first; whoever waits between two of them holds up nobody else. Without sub-selects: they
   * are worked out before the first block, and the process stands still for as long.
   */
  stream<Row>(sql: string, params?: Params): AsyncGenerator<Iterable<Row>, void, undefined>;
  /** Inserts NDJSON bytes as they are (a field that is no column is skipped), all or nothing. The bytes must not change before it settles. */
  insert(table: string, columns: readonly string[], ndjson: Uint8Array): Promise<void>;
  /** Runs one statement that gives no rows. */
  command(sql: string): Promise<void>;
  /** Waits for what was begun, then lets go of the directory; afterwards every call is refused. */
  close(): Promise<void>;
}

/**
 * Whether an insert was refused because of what a row says (not JSON, not a UUID, a lone surrogate …). Sending the same block again can
 * never help: split it and set the bad row aside. Every other error is a passing fault, after which the same block may be sent again.
 */
export function isBadRow(error: unknown): boolean {
  return error instanceof KmError && error.code === "KM_REJECTED";
}
