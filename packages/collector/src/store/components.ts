// Ten million edges do not fit Maps and bigints: identities are pairs of 32-bit words (low, high) in typed arrays, found by a hash table
// of our own. All nodes are hashes already, so their low word is as good a slot as any.

/** Connected sets of 64-bit identities. A set's label is its smallest member. */
export interface Components {
  /** How many identities there are; they are numbered from 0. */
  readonly size: number;
  /** The number of an identity given as its two words, or -1. */
  find(low: number, high: number): number;
  /** The number of the smallest identity in the set of this one. */
  root(node: number): number;
  /** The identity of a number as decimal text. */
  name(node: number): string;
  /** Whether the identity of this number is less than (-1), equal to (0) or greater than (1) the one given as words. */
  compare(node: number, low: number, high: number): number;
}

/** The 32-bit words of a RowBinary result whose columns are all UInt64: low, high, low, high … */
export function words(bytes: Uint8Array): Uint32Array {
  // A view needs an offset that is a multiple of four, which the engine's buffer does not promise.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >>> 2);
}

/**
 * Unites the two ends of every edge.
 *
 * @param edges four words an edge, as {@link words} gives `SELECT a, b`.
 */
export function components(edges: Uint32Array): Components {
  const most = edges.length >>> 1;
  let slots = 16;
  while (slots < most * 2) slots *= 2;
  const table = new Int32Array(slots).fill(-1);
  const nodes = new Uint32Array(most * 2);
  const parents = new Uint32Array(most);
  let size = 0;

  /** The slot that holds the identity, or the empty one where it belongs. */
  const seek = (low: number, high: number): number => {
    let slot = low & (slots - 1);
    for (let node = table[slot] as number; node >= 0; node = table[slot] as number) {
      if (nodes[node * 2] === low && nodes[node * 2 + 1] === high) break;
      slot = (slot + 1) & (slots - 1);
    }
    return slot;
  };
  const add = (low: number, high: number): number => {
    const slot = seek(low, high);
    const found = table[slot] as number;
    if (found >= 0) return found;
    table[slot] = size;
    nodes[size * 2] = low;
    nodes[size * 2 + 1] = high;
    parents[size] = size;
    return size++;
  };
  const root = (node: number): number => {
    let at = node;
    while (parents[at] !== at) {
      const above = parents[parents[at] as number] as number;
      parents[at] = above;
      at = above;
    }
    return at;
  };
  const compare = (node: number, low: number, high: number): number => {
    const mine = nodes[node * 2 + 1] as number;
    if (mine !== high) return mine < high ? -1 : 1;
    return Math.sign((nodes[node * 2] as number) - low);
  };

  for (let at = 0; at < edges.length; at += 4) {
    const a = root(add(edges[at] as number, edges[at + 1] as number));
    const b = root(add(edges[at + 2] as number, edges[at + 3] as number));
    // The smaller goes on top, so that a root is its set's label.
    if (compare(a, nodes[b * 2] as number, nodes[b * 2 + 1] as number) < 0) parents[b] = a;
    else parents[a] = b;
  }
  return {
    size,
    find: (low, high) => table[seek(low, high)] as number,
    root,
    name: (node) => ((BigInt(nodes[node * 2 + 1] as number) << 32n) | BigInt(nodes[node * 2] as number)).toString(),
    compare,
  };
}
