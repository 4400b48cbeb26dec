import { canonicalName, KmError } from "@kmkit/core";
import { isBrowserWriting } from "./browser.ts";
import type { Name, NameKind } from "./store/names.ts";

/** Most names of one kind in a product (KISSmetrics, "technical limitations"). */
const MOST_NAMES = 65_535;
/** From how many on a browser key brings no more: a page that invents ever new ones must leave room for the servers. */
const MOST_BROWSER_NAMES = 32_767;

/** A name as it is compared, one for all its spellings. */
export class Folded {
  readonly name: string;
  /** The name as JSON text. */
  readonly json: string;
  /** The earliest writing that the store knows; infinitely late where it knows none. */
  display = "";
  first: number = Number.POSITIVE_INFINITY;
  /** The number of the command that used it last: a command that uses it twice means one property. */
  last = 0;
  private eventText: string | undefined;
  private openingText: string | undefined;
  private followingText: string | undefined;

  constructor(name: string) {
    this.name = name;
    this.json = JSON.stringify(name);
  }

  /** How a row goes on with it as the event's name, behind the text of its identity. */
  get event(): string {
    this.eventText ??= flat(`","name":${this.json},"properties":{`);
    return this.eventText;
  }

  /** How a row's properties begin with it, up to the text of its value. */
  get opening(): string {
    this.openingText ??= flat(`${this.json}:"`);
    return this.openingText;
  }

  /** How they go on with it, behind the text of the value before. */
  get following(): string {
    this.followingText ??= flat(`",${this.json}:"`);
    return this.followingText;
  }
}

/** The same text in one piece: what has been put together is a tree of its parts, and so would be every row it stands in. */
function flat(text: string): string {
  return Buffer.from(text).toString();
}

/** The names of one kind in a product. */
class Names {
  /** How many of them the store knows. */
  known = 0;
  private readonly byName = new Map<string, Folded>();
  private readonly bySpelling = new Map<string, Folded>();

  /** The name that is spelled so. */
  find(spelling: string): Folded {
    return this.bySpelling.get(spelling) ?? this.fold(spelling);
  }

  private fold(spelling: string): Folded {
    const folded = this.named(canonicalName(spelling));
    this.bySpelling.set(spelling, folded);
    return folded;
  }

  private named(name: string): Folded {
    let folded = this.byName.get(name);
    if (folded === undefined) {
      folded = new Folded(name);
      this.byName.set(name, folded);
    }
    return folded;
  }

  /** The store knows this writing. */
  learn({ name, display, first }: Name): void {
    const folded = this.named(name);
    if (folded.first === Number.POSITIVE_INFINITY) this.known += 1;
    if (isEarlier(first, display, folded)) Object.assign(folded, { first, display });
  }

  /** Should somebody send ever new names: forget those that were not taken, rather than grow. Never within a command. */
  tidy(): void {
    if (this.bySpelling.size < 2 * MOST_NAMES) return;
    this.bySpelling.clear();
    for (const [name, { first }] of this.byName) if (first === Number.POSITIVE_INFINITY) this.byName.delete(name);
  }
}

/** The names that some commands bring, of each only its earliest writing. They are remembered once they are safe ({@link NameRegister.commit}). */
export class NewNames {
  private readonly found = new Map<Names, Map<string, Name>>();
  private readonly added = new Map<Names, number>();

  get rows(): Name[] {
    return [...this.found.values()].flatMap((names) => [...names.values()]);
  }

  *[Symbol.iterator](): Iterator<[Names, Name]> {
    for (const [names, rows] of this.found) for (const row of rows.values()) yield [names, row];
  }

  /** Takes a writing up if it is the earliest; an error where there are too many names. */
  note(names: Names, folded: Folded, row: Name): KmError | undefined {
    let rows = this.found.get(names);
    const seen = rows?.get(row.name);
    if (seen === undefined && folded.first === Number.POSITIVE_INFINITY) {
      const added = this.added.get(names) ?? 0;
      if (names.known + added >= (isBrowserWriting(row.first) ? MOST_BROWSER_NAMES : MOST_NAMES))
        return new KmError("KM_NAMES_TOO_MANY", row.display);
      this.added.set(names, added + 1);
    } else if (seen !== undefined && !isEarlier(row.first, row.display, seen)) return undefined;
    if (rows === undefined) {
      rows = new Map();
      this.found.set(names, rows);
    }
    rows.set(row.name, row);
    return undefined;
  }
}

/** What one product calls its events and properties. */
export class ProductNames {
  readonly product: number;
  readonly event: Names = new Names();
  readonly property: Names = new Names();
  private commands = 0;

  constructor(product: number) {
    this.product = product;
  }

  /** The number of the next command, for {@link Folded.last}. */
  next(): number {
    this.event.tidy();
    this.property.tidy();
    this.commands += 1;
    return this.commands;
  }

  /** The name that is written so; where nobody wrote it so early before, `fresh` takes it up. An error where there are too many names. */
  take(kind: NameKind, display: string, first: number, fresh: NewNames): Folded | KmError {
    const names = this[kind];
    const folded = names.find(display);
    if (!isEarlier(first, display, folded)) return folded;
    return fresh.note(names, folded, { product: this.product, kind, name: folded.name, display, first }) ?? folded;
  }
}

/**
 * The names of events and properties that this collector has seen: people are shown a name as it was first written, by the time of the command.
 * Only names that are new, or were written earlier than known, need a row in the store.
 */
export class NameRegister {
  private readonly products = new Map<number, ProductNames>();

  constructor(names: readonly Name[]) {
    for (const name of names) this.of(name.product)[name.kind].learn(name);
  }

  /** The names of a product. */
  of(product: number): ProductNames {
    let names = this.products.get(product);
    if (names === undefined) {
      names = new ProductNames(product);
      this.products.set(product, names);
    }
    return names;
  }

  /** They are safe: remember them. */
  commit(fresh: NewNames): void {
    for (const [names, row] of fresh) names.learn(row);
  }
}

/** Of two writings of one moment the store shows the smaller text, so the order of arrival does not matter. */
function isEarlier(first: number, display: string, than: { readonly first: number; readonly display: string }): boolean {
  return first < than.first || (first === than.first && display < than.display);
}
