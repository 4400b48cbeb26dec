import type { Engine } from "./engine.ts";

/** Two identities of one product that are one person. */
export interface Edge {
  readonly product: number;
  readonly identity: string;
  readonly alias: string;
}

interface Label {
  readonly node: string;
  readonly person: string;
}

/** Of two hashes as decimal text, the smaller. */
function smaller(a: string, b: string): string {
  if (a.length !== b.length) return a.length < b.length ? a : b;
  return a < b ? a : b;
}

/** The sets that the edges make of the labels: for each label the smallest one it now belongs to. */
function unite(edges: readonly (readonly [string, string])[]): (label: string) => string {
  const parents = new Map<string, string>();
  const root = (label: string): string => {
    let at = label;
    for (let up = parents.get(at); up !== undefined; up = parents.get(at)) {
      const above = parents.get(up);
      if (above !== undefined) parents.set(at, above);
      at = up;
    }
    return at;
  };
  for (const [a, b] of edges) {
    const left = root(a);
    const right = root(b);
    if (left === right) continue;
    const winner = smaller(left, right);
    parents.set(winner === left ? right : left, winner);
  }
  return root;
}

/** Writes labels; the table of members follows by its view. A label only ever falls, so doing it twice or late does no harm. */
export async function writeLabels(
  engine: Engine,
  product: number,
  labels: Iterable<readonly [who: string, person: string]>,
): Promise<void> {
  const rows: string[] = [];
  for (const [who, person] of labels) rows.push(`{"product":${product},"who":${who},"person":${person}}\n`);
  if (rows.length > 0) await engine.insert("km.people", ["product", "who", "person"], Buffer.from(rows.join("")));
}

async function linkProduct(engine: Engine, product: number, edges: readonly Edge[]): Promise<void> {
  const names = [...new Set(edges.flatMap((edge) => [edge.identity, edge.alias]))];
  const who = await hashes(engine, names);
  const known = await labels(engine, product, [...new Set(who.values())]);
  const label = (name: string): string => known.get(who.get(name) as string) ?? (who.get(name) as string);
  const root = unite(edges.map((edge) => [label(edge.identity), label(edge.alias)]));

  const losers = [...new Set(names.map(label))].filter((old) => root(old) !== old);
  const moved = await members(engine, product, losers);
  const fresh = new Map<string, string>(moved.map((row) => [row.node, root(row.person)]));
  for (const old of losers) fresh.set(old, root(old));
  // Written even when nothing changed: after a crash between the two tables this is what makes them agree again.
  for (const name of names) fresh.set(who.get(name) as string, root(label(name)));
  await writeLabels(engine, product, fresh);
}

/** The `who` of each identity. */
async function hashes(engine: Engine, identities: Iterable<string>): Promise<Map<string, string>> {
  const names = [...identities];
  const [hashed] = await engine.query<{ hashes: string[] }>(
    "SELECT arrayMap(i -> toString(sipHash64(i)), {names:Array(String)}) AS hashes",
    { names },
    "write",
  );
  return new Map(names.map((name, index) => [name, hashed?.hashes[index] as string]));
}

/** The person of each `who` that has a label; one without is a person of his own. */
async function labels(engine: Engine, product: number, whos: readonly string[]): Promise<Map<string, string>> {
  const known = await engine.query<Label>(
    `SELECT toString(who) AS node, toString(min(people.person)) AS person FROM km.people
     WHERE product = {p:UInt32} AND who IN {whos:Array(UInt64)} GROUP BY who`,
    { p: product, whos },
    "write",
  );
  return new Map(known.map((row) => [row.node, row.person]));
}

/** Everybody who bears one of the labels. */
async function members(engine: Engine, product: number, persons: readonly string[]): Promise<Label[]> {
  if (persons.length === 0) return [];
  return engine.query<Label>(
    `SELECT DISTINCT toString(who) AS node, toString(members.person) AS person FROM km.members
     WHERE product = {p:UInt32} AND members.person IN {persons:Array(UInt64)}`,
    { p: product, persons },
    "write",
  );
}

/**
 * Makes one person of the identities that the edges tie: the sets they belong to get the smallest of their labels. Right at once for
 * every reader, repeatable, in any order. Only one call may run at a time on an engine.
 */
export async function link(engine: Engine, edges: readonly Edge[]): Promise<void> {
  const products = new Map<number, Edge[]>();
  for (const edge of edges) {
    const list = products.get(edge.product);
    if (list) list.push(edge);
    else products.set(edge.product, [edge]);
  }
  for (const [product, list] of products) await linkProduct(engine, product, list);
}
