import type { KmError, Report } from "./errors.ts";

/** How a client speaks of what went wrong. */
export interface Reporter {
  /** Hand an error to `onError`, and print it if nobody else would learn of it. */
  readonly report: Report;
  /** The same, once for each `about` (a route, a host): for what would otherwise be said with every request. Only in development. */
  readonly hint: (about: string, error: () => KmError) => void;
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
    options.print(`kmkit: ${error.code}: ${error.message}`);
  };
  return {
    report,
    hint: (about, error) => {
      if (!options.development || hinted.has(about) || hinted.size >= MOST_HINTS) return;
      hinted.add(about);
      report(error());
    },
  };
}
