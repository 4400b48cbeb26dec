import { canonicalName, KmError } from "@kmkit/core";
import type { Name, NameKind } from "./store/names.ts";

/** Most names of one kind in a product (KISSmetrics, "technical limitations"). */
const MOST_NAMES = 65_535;

type Written = Pick<Name, "display" | "first">;
type Known = Map<string, Written>;

/** The names that one body brings, of each only its earliest writing. They are remembered once they are safe ({@link NameRegister.commit}). */
export class NewNames {
  readonly event: Map<string, Name> = new Map();
  readonly property: Map<string, Name> = new Map();
  /** How many of them nobody has written before. */
  readonly added: Record<NameKind, number> = { event: 0, property: 0 };

  get rows(): Name[] {
    return [...this.event.values(), ...this.property.values()];
  }
}

/**
 * The names of events and properties that this collector has seen: people are shown a name as it was first written, by the time of the command.
 * Only names that are new, or were written earlier than known, need a row in the store.
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

  /** Takes this writing of a name up into `fresh` if it is the earliest known; an error where there are too many names. */
  note(fresh: NewNames, product: number, kind: NameKind, display: string, first: number): KmError | undefined {
    const names = this.of(product, kind);
    const name = this.fold(display);
    const seen = fresh[kind].get(name) ?? names.get(name);
    if (seen === undefined) {
      if (names.size + fresh.added[kind] >= MOST_NAMES) return new KmError("KM_NAMES_TOO_MANY", display);
      fresh.added[kind] += 1;
    } else if (!isEarlier(first, display, seen)) return undefined;
    fresh[kind].set(name, { product, kind, name, display, first });
    return undefined;
  }

  /** The rows are safe: remember them. */
  commit(rows: readonly Name[]): void {
    for (const row of rows) {
      const names = this.of(row.product, row.kind);
      const known = names.get(row.name);
      if (known === undefined || isEarlier(row.first, row.display, known)) names.set(row.name, row);
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

/** Of two writings of one moment the store shows the smaller text, so the order of arrival does not matter. */
function isEarlier(first: number, display: string, than: Written): boolean {
  return first < than.first || (first === than.first && display < than.display);
}
