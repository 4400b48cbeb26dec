import type { KmError, Report } from "./errors.ts";

/** How a client speaks of what went wrong. */
export interface Reporter {
  /** Hand an error to `onError`, and print it if nobody else would learn of it. */
  readonly report: Report;
  /** Whether hints are given: only in development. */
  readonly hints: boolean;
  /** The same, once for each `about` (a route, a host): for what would otherwise be said with every request. Only where there are {@link Reporter.hints}. */
  readonly hint: (about: string, error: () => KmError) => void;
}

/** Names and identities come from strangers: what would break the line or colour the terminal is shown as a question mark. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, "?");
}

/** Most hints that are remembered; later ones are not given. */
const MOST_HINTS = 1000;

/**
 * Errors go to `onError`, each of them. Each code is printed once: in development always, in production only where nobody listens. What
 * `onError` throws is swallowed: analytics never throws into the app.
 */
export function createReporter(options: { onError?: Report | undefined; development: boolean; print: (text: string) => void }): Reporter {
  const printed = new Set<string>();
  const hinted = new Set<string>();
  const report: Report = (error) => {
    try {
      options.onError?.(error);
    } catch {}
    if (printed.has(error.code) || (options.onError !== undefined && !options.development)) return;
    printed.add(error.code);
    options.print(`kmkit: ${error.code}: ${printable(error.message)}`);
  };
  return {
    report,
    hints: options.development,
    hint: (about, error) => {
      if (!options.development || hinted.has(about) || hinted.size >= MOST_HINTS) return;
      hinted.add(about);
      report(error());
    },
  };
}
