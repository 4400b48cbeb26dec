const newline = 10;
const decoder = new TextDecoder("utf-8", { fatal: true });

/** What a file of lines holds. */
export interface Looked {
  /** The lines that are commands, as they stand. */
  readonly bytes: Uint8Array;
  readonly count: number;
  /** What is none: noise, a line that was cut off in its middle. */
  readonly broken: readonly Uint8Array[];
}

/**
 * Looks through a file of lines: a file may have been cut off or written over by whatever befell the disk. Its last line is cut off where the process
 * was killed while it wrote it; that one was never promised to anybody, and counts neither as a line nor as broken.
 */
export function lookThrough(file: Uint8Array): Looked {
  const good: Uint8Array[] = [];
  const broken: Uint8Array[] = [];
  for (let start = 0; start < file.length; ) {
    const end = file.indexOf(newline, start);
    const line = file.subarray(start, end < 0 ? file.length : end + 1);
    if (end >= 0 && isCommand(line)) good.push(line);
    else if (end >= 0 || line[0] !== 0x7b) broken.push(line);
    start += line.length;
  }
  return { bytes: broken.length === 0 && good.length > 0 && ends(file) ? file : Buffer.concat(good), count: good.length, broken };
}

function ends(file: Uint8Array): boolean {
  return file.at(-1) === newline;
}

function isCommand(line: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(decoder.decode(line));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
