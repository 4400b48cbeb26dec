import { createHash, timingSafeEqual } from "node:crypto";

/** A key by which commands come in. */
export interface Key {
  readonly key: string;
  /** The product whose commands it brings. */
  readonly product: string;
  /** `server`: secret, may name anybody, writes only. (Browser keys come with the browser client.) */
  readonly kind: "server";
}

/** Who may write and read. */
export interface Access {
  /** The product id of a key, or undefined for a key that is not ours. */
  product(key: string | undefined): number | undefined;
  /** Whether a request with this `Authorization` header may read. */
  mayRead(authorization: string | undefined): boolean;
  /** The id of the product that a read names; without a name the only one there is. */
  productNamed(name: string | undefined): number | undefined;
  /** The name of a product by its id. */
  nameOf(product: number): string | undefined;
  /** No keys are configured: everything is open to this machine, and to no other. */
  readonly open: boolean;
}

/** The product and key of a collector without configuration (`architecture.md` §10). */
const LOCAL = "local";

/** A product's number in the store: 32 bits of its name's hash, so that it is the same in every collector and after every restart. */
function productId(name: string): number {
  return createHash("sha256").update(name).digest().readUInt32BE(0);
}

/** The access rules for some keys and an admin token. Without keys: product and key `local`, and reading needs no token. */
export function createAccess(keys: readonly Key[], admin: string | undefined): Access {
  const open = keys.length === 0;
  const known = open ? [{ key: LOCAL, product: LOCAL, kind: "server" as const }] : keys;
  const products = new Map(known.map(({ product }) => [product, productId(product)]));
  // By hash, so that the time a look-up takes tells nothing of a key.
  const byHash = new Map(known.map(({ key, product }) => [hash(key), productId(product)]));
  // Keys that were right a moment ago: their senders know them already, and hashing would cost more than all the rest of a small call.
  const recent = new Map<string, number>();
  const look = (key: string): number | undefined => {
    const product = byHash.get(hash(key));
    if (product !== undefined) recent.set(key, product);
    return product;
  };
  // An empty token or key is a variable that was left unset, and none: whoever sends nothing would send the right one.
  const token = admin ? Buffer.from(hash(admin)) : undefined;
  return {
    open,
    product: (key) => (key ? (recent.get(key) ?? look(key)) : undefined),
    mayRead: (authorization) => {
      if (token === undefined) return open;
      return timingSafeEqual(Buffer.from(hash(bearer(authorization) ?? "")), token);
    },
    productNamed: (name) => (name === undefined && products.size === 1 ? [...products.values()][0] : products.get(name ?? "")),
    nameOf: (product) => [...products].find(([, id]) => id === product)?.[0],
  };
}

/** The token of an `Authorization: Bearer` header (RFC 6750). */
export function bearer(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)\s*$/i.exec(authorization ?? "")?.[1];
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
