import type { Engine, Lane } from "./engine.ts";

/** What a name names. */
export type NameKind = "event" | "property";

/** A name and how it was first written. */
export interface Name {
  readonly product: number;
  readonly kind: NameKind;
  /** The canonical form, under which all spellings count as one. */
  readonly name: string;
  /** As it was written at the earliest time. */
  readonly display: string;
  /** The earliest time, in ms since the epoch. */
  readonly first: number;
}

/** Gives the display name of a canonical one, which it falls back to. */
export type Display = (kind: NameKind, name: string) => string;

/** Every name of every product. */
export async function allNames(engine: Engine): Promise<Name[]> {
  return engine.query<Name>(
    `SELECT product, kind, name, argMin(n.display, (n.first, n.display)) AS display, toUnixTimestamp64Milli(min(n.first)) AS first
     FROM km.names AS n GROUP BY product, kind, name ORDER BY product, kind, name`,
  );
}

/** The display names of some canonical names of a product, or of all. */
export async function displayNames(engine: Engine, product: number, lane: Lane, names?: Iterable<string>): Promise<Display> {
  const rows = await engine.query<{ kind: NameKind; name: string; display: string }>(
    `SELECT kind, name, argMin(n.display, (n.first, n.display)) AS display
     FROM km.names AS n WHERE product = {p:UInt32} ${names ? "AND name IN {names:Array(String)}" : ""} GROUP BY kind, name`,
    { p: product, names: [...new Set(names)] },
    lane,
  );
  const known: Readonly<Record<NameKind, Map<string, string>>> = { event: new Map(), property: new Map() };
  for (const row of rows) known[row.kind].set(row.name, row.display);
  return (kind, name) => known[kind].get(name) ?? name;
}
