/** A piece of finished HTML. Only {@link html} makes one, so whatever else meets a template is escaped. */
export class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What may stand in a template: text and numbers are escaped, lists are joined, and nothing at all shows nothing. */
export type Content = Html | string | number | false | null | undefined | readonly Content[];

/**
 * The shop's template engine.
 *
 * @example
 * html`<h1>Hello ${"<Bob>"}</h1>`.toString(); // <h1>Hello &lt;Bob&gt;</h1>
 */
export function html(literals: TemplateStringsArray, ...values: Content[]): Html {
  return new Html(literals.reduce((text, literal, at) => text + show(values[at - 1]) + literal));
}

function show(value: Content): string {
  if (value === undefined || value === null || value === false) return "";
  if (value instanceof Html) return value.toString();
  if (typeof value === "object") return value.map(show).join("");
  return String(value).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
