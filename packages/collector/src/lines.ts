import { isAscii } from "node:buffer";
import { KmError, MAX_COMMAND } from "@kmkit/core";

/** About how many bytes of a body are worked at a time, before others get their turn. */
const SLICE = 256 << 10;

type Decoder = InstanceType<typeof TextDecoder>;

const newline = 10;
const first = new TextDecoder("utf-8", { fatal: true });
/** Only the beginning of a body may have a byte order mark. */
const later = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Some lines of a body: text, or the error that one of them is. */
export type Lines = readonly (string | KmError)[];

/** A body in slices of whole lines. Bytes that are not UTF-8 spoil their line only: mended text could be somebody else's identity. */
export function* slicesOf(bytes: Uint8Array): Generator<Lines> {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let start = 0; start < body.length; ) {
    const end = endOf(body, start);
    yield linesOf(body.subarray(start, end), start === 0 ? first : later);
    start = end + 1;
  }
}

/** Where the slice ends that begins at `start`: at the last newline that lies within it, or at the first one behind it. */
function endOf(body: Buffer, start: number): number {
  if (body.length - start <= SLICE) return body.length;
  const within = body.lastIndexOf(newline, start + SLICE);
  if (within >= start) return within;
  const behind = body.indexOf(newline, start + SLICE);
  return behind < 0 ? body.length : behind;
}

function linesOf(slice: Buffer, decoder: Decoder): Lines {
  // A character has three bytes at the most for each of its units.
  if (slice.length > 3 * MAX_COMMAND + SLICE) return [new KmError("KM_COMMAND_TOO_LARGE", `${slice.length} bytes`)];
  if (isAscii(slice)) return slice.toString("latin1").split("\n");
  try {
    return decoder.decode(slice).split("\n");
  } catch {
    return lineByLine(slice, decoder);
  }
}

function lineByLine(slice: Buffer, decoder: Decoder): Lines {
  const out: (string | KmError)[] = [];
  for (let start = 0; start <= slice.length; ) {
    const found = slice.indexOf(newline, start);
    const end = found < 0 ? slice.length : found;
    try {
      out.push((start === 0 ? decoder : later).decode(slice.subarray(start, end)));
    } catch {
      out.push(new KmError("KM_LINE_INVALID", "not UTF-8"));
    }
    start = end + 1;
  }
  return out;
}
