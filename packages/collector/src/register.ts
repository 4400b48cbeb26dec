import { canonicalName, KmError } from "@kmkit/core";
import type { Name, NameKind } from "./store/names.ts";

/** Most names of one kind in a product (KISSmetrics, "technical limitations"). */
const MOST_NAMES = 65_535;

type Known = Map<string, { display: string; first: number }>;

/**
 * The names of events and properties that this collector has seen: people are shown a name as it was first written. Only names that are new, or
 * were written earlier than known, need a row in the store.
 */
export class NameRegister {
  private readonly known = new Map<string, Known>();
  private readonly canonical = new Map<string, string>();

  constructor(names: readonly Name[]) {
    for (const name of names) this.of(name.product, name.kind).set(name.name, name);
  }

  /** Like `canonicalName`, but the same text is folded once. */
  fold(name: string): string {
    let folded = this.canonical.get(name);
    if (folded === undefined) {
      folded = canonicalName(name);
      // Names are few; should somebody send ever new ones, begin anew rather than grow.
      if (this.canonical.size >= 2 * MOST_NAMES) this.canonical.clear();
      this.canonical.set(name, folded);
    }
    return folded;
  }

  /** The row that this writing of a name needs, undefined if none, or an error where there are too many names. */
  note(product: number, kind: NameKind, display: string, first: number): Name | KmError | undefined {
    const names = this.of(product, kind);
    const name = this.fold(display);
    const known = names.get(name);
    if (known === undefined && names.size >= MOST_NAMES) return new KmError("KM_NAMES_TOO_MANY", display);
    if (known !== undefined && (known.first <= first || known.display === display)) return undefined;
    return { product, kind, name, display, first };
  }

  /** The rows are safe: remember them. */
  commit(rows: readonly Name[]): void {
    for (const row of rows) {
      const names = this.of(row.product, row.kind);
      const known = names.get(row.name);
      if (known === undefined || row.first < known.first) names.set(row.name, row);
    }
  }

  private of(product: number, kind: NameKind): Known {
    const key = `${product} ${kind}`;
    let names = this.known.get(key);
    if (names === undefined) {
      names = new Map();
      this.known.set(key, names);
    }
    return names;
  }
}
