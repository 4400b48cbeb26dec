import { type Components, components, words } from "./components.ts";
import type { Engine } from "./engine.ts";
import { writeLabels } from "./link.ts";

const block = 50_000;

/** One bit an identity for each of the two tables that hold the right label already. */
const inPeople = 1;
const inMembers = 2;

async function judge(engine: Engine, product: number, sets: Components): Promise<Uint8Array> {
  const right = new Uint8Array(sets.size);
  const read = async (sql: string, see: (node: number, order: number) => void): Promise<void> => {
    const pairs = words(await engine.binary(sql, { p: product }, "write"));
    for (let at = 0; at < pairs.length; at += 4) {
      const node = sets.find(pairs[at] as number, pairs[at + 1] as number);
      if (node >= 0) see(node, sets.compare(sets.root(node), pairs[at + 2] as number, pairs[at + 3] as number));
    }
  };
  await read("SELECT who, min(people.person) FROM km.people WHERE product = {p:UInt32} GROUP BY who", (node, order) => {
    if (order === 0) right[node] = (right[node] as number) | inPeople;
    // Lower than the edges say: min() would win over anything written now, so there is nothing to put right.
    if (order > 0) right[node] = inPeople | inMembers;
  });
  await read("SELECT who, members.person FROM km.members WHERE product = {p:UInt32}", (node, order) => {
    if (order === 0) right[node] = (right[node] as number) | inMembers;
  });
  return right;
}

async function relinkProduct(engine: Engine, product: number): Promise<number> {
  const sets = components(
    words(await engine.binary("SELECT a, b FROM km.aliases WHERE product = {p:UInt32} AND a < b", { p: product }, "write")),
  );
  const right = await judge(engine, product, sets);
  let written = 0;
  let rows: [string, string][] = [];
  for (let node = 0; node < sets.size; node++) {
    if (right[node] === (inPeople | inMembers)) continue;
    rows.push([sets.name(node), sets.name(sets.root(node))]);
    written += 1;
    if (rows.length < block) continue;
    await writeLabels(engine, product, rows);
    rows = [];
  }
  await writeLabels(engine, product, rows);
  return written;
}

/**
 * Works out everybody's label anew from the edges and writes those that differ or are missing, in either of the two tables that hold
 * them: the repair after a crash, a restored backup, or two collectors that linked at one moment. Returns how many identities were put
 * right. No {@link link} may run meanwhile on the same engine.
 */
export async function relink(engine: Engine): Promise<number> {
  const products = await engine.query<{ product: number }>("SELECT DISTINCT product FROM km.aliases ORDER BY product", {}, "write");
  let written = 0;
  for (const { product } of products) written += await relinkProduct(engine, product);
  return written;
}
