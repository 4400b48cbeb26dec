import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { KmError } from "@kmkit/core";

/** Most bytes of a body as it arrives. */
const MOST_BODY = 8 << 20;
/** Most bytes that it may grow to when unpacked. */
const MOST_UNPACKED = 32 << 20;
/** Most lines of a body: each costs time and perhaps a refusal in the answer, and a million empty ones fit into 2 KB of gzip. */
const MOST_LINES = 50_000;

/** How many bytes of a body are taken, as they arrive and unpacked. */
export interface Bounds {
  readonly most: number;
  readonly unpacked: number;
}

const newline = 10;

const unpack = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(gunzip);

/** Reads a request's body, unpacked if it is gzip, but never more than the bounds allow: neither a 1 GB body nor a gzip bomb costs memory. */
export async function readBody(
  request: Request,
  bounds: Bounds = { most: MOST_BODY, unpacked: MOST_UNPACKED },
): Promise<Uint8Array | KmError> {
  const body = await readBytes(request, bounds);
  if (body instanceof KmError || !hasLines(body, MOST_LINES)) return body;
  return new KmError("KM_BODY_TOO_LARGE", `${MOST_LINES} lines`);
}

/** Whether there are more line ends than `most`. */
function hasLines(bytes: Uint8Array, most: number): boolean {
  let at = -1;
  for (let count = 0; count <= most; count++) {
    at = bytes.indexOf(newline, at + 1);
    if (at < 0) return false;
  }
  return true;
}

/** The body as it arrives: at one go where its length is told, otherwise piece by piece, since it may have no end. */
async function receive(request: Request, most: number): Promise<Uint8Array | undefined> {
  const length = request.headers.get("content-length");
  if (length !== null) {
    const bytes = Number(length) > most ? undefined : Buffer.from(await request.arrayBuffer());
    return bytes === undefined || bytes.length > most ? undefined : bytes;
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > most) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function readBytes(request: Request, bounds: Bounds): Promise<Uint8Array | KmError> {
  let whole: Uint8Array | undefined;
  try {
    whole = await receive(request, bounds.most);
  } catch (cause) {
    return new KmError("KM_BODY_BROKEN", "the connection ended", cause);
  }
  if (whole === undefined) return new KmError("KM_BODY_TOO_LARGE", `${bounds.most} bytes`);
  return unpacked(whole, request.headers.get("content-encoding") ?? undefined, bounds.unpacked);
}

/** A body without its `Content-Encoding`, which may be gzip; `most`: how many bytes it may grow to. */
export async function unpacked(whole: Uint8Array, header: string | undefined, most: number): Promise<Uint8Array | KmError> {
  const encoding = header?.toLowerCase() ?? "identity";
  if (encoding === "identity" || whole.length === 0) return whole;
  if (encoding !== "gzip" && encoding !== "x-gzip")
    return new KmError("KM_BODY_BROKEN", `content-encoding ${encoding.slice(0, 40)} is not gzip`);
  try {
    return await unpack(whole, { maxOutputLength: most });
  } catch (cause) {
    const large = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    return large ? new KmError("KM_BODY_TOO_LARGE", `${most} bytes unpacked`) : new KmError("KM_BODY_BROKEN", "gzip", cause);
  }
}
