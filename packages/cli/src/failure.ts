import { KmError, printable } from "@kmkit/core";

/** Exit code of `kmkit person` for an identity under which nobody was ever seen. */
export const UNKNOWN = 3;

/** Says in a line what failed and ends with exit code 1 (or another). A code that people can search for comes first. */
export function fail(error: unknown, code = 1): never {
  const text = error instanceof KmError ? `${error.code}: ${error.message}` : error instanceof Error ? error.message : String(error);
  const hint = error instanceof KmError && error.code === "KM_PORT_TAKEN" ? " --port takes another number, or 0 for a free one." : "";
  process.stderr.write(`kmkit: ${printable(text.replace(/\s*\n\s*/g, " "))}${hint}\n`);
  process.exit(code);
}
