import net from "node:net";

/** An answer as it stood on the wire. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Exchanged {
  readonly answers: readonly WireAnswer[];
  /** Whether the connection went on after them: a further request on it was answered. */
  readonly kept: boolean;
}

export interface Way {
  /** How many answers are due, informational ones too. */
  readonly answers?: number;
  /** The answers to HEAD, by their place: they have headers of a body, and none. */
  readonly heads?: readonly number[];
  /** Write each piece when the ones before it have been answered. */
  readonly paced?: boolean;
  /** Close our half after writing. */
  readonly half?: boolean;
}

type Bytes = string | Buffer;

/**
 * Writes bytes on a connection of their own, several pieces one after the other, reads so many answers, and looks whether the connection goes on.
 * Throws where the framing of an answer is wrong, where bytes come that belong to none, and where answers are missing at the end.
 */
export function exchange(
  port: number,
  bytes: Bytes | readonly Bytes[],
  { answers = 1, heads = [], paced = false, half = false }: Way = {},
): Promise<Exchanged> {
  const pieces = typeof bytes === "string" || Buffer.isBuffer(bytes) ? [bytes] : bytes;
  return new Promise((resolve, reject) => {
    const reader = new Reader(heads);
    let probed = false;
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    const probe = () => {
      if (probed || half || reader.answers.length < answers || !socket.writable) return;
      probed = true;
      socket.write("GET /healthz HTTP/1.1\r\nHost: probe\r\n\r\n");
    };
    const rest = [...pieces];
    const write = () => {
      const piece = rest.shift() as Bytes;
      // Without a pace each is a packet of its own, if the system wills.
      if (rest.length === 0) half ? socket.end(piece) : socket.write(piece);
      else socket.write(piece, () => !paced && setImmediate(write));
    };
    socket.on("connect", write);
    socket.on("data", (chunk) => {
      try {
        reader.push(chunk);
      } catch (error) {
        return fail(error as Error);
      }
      if (paced && rest.length > 0 && reader.answers.length >= pieces.length - rest.length) write();
      if (reader.answers.length > answers) {
        socket.destroy();
        return resolve({ answers: reader.answers.slice(0, answers), kept: true });
      }
      // Only where the answer does not say that it is the last: what is written to a closed connection resets it.
      if (reader.answers.at(-1)?.headers.connection !== "close") probe();
      return undefined;
    });
    socket.on("end", () => {
      socket.end();
      if (reader.left > 0 || reader.answers.length !== answers)
        fail(new Error(`${reader.answers.length} answers and ${reader.left} bytes more`));
      else resolve({ answers: reader.answers, kept: false });
    });
    socket.on("error", fail);
  });
}

/** Writes bytes and resets the connection as soon as they are out. */
export function writeAndReset(port: number, bytes: Bytes): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes, () => void socket.resetAndDestroy()));
    socket.on("error", reject);
    socket.on("close", () => resolve());
  });
}

/** Reads answers by the letter of RFC 9112 §6.3, of which only the length by `Content-Length` and the answers without a body occur. */
class Reader {
  readonly answers: WireAnswer[] = [];
  private bytes: Buffer = Buffer.alloc(0);
  private readonly heads: readonly number[];

  constructor(heads: readonly number[]) {
    this.heads = heads;
  }

  get left(): number {
    return this.bytes.length;
  }

  push(chunk: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    for (let over = this.bytes.indexOf("\r\n\r\n"); over >= 0; over = this.bytes.indexOf("\r\n\r\n")) {
      const [first = "", ...lines] = this.bytes.toString("latin1", 0, over).split("\r\n");
      const status = Number(/^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/.exec(first)?.[1]);
      if (!(status >= 100)) throw new Error(`no status line: ${JSON.stringify(first)}`);
      const headers = Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
      );
      const bodiless = status < 200 || status === 204 || this.heads.includes(this.answers.length);
      if (!bodiless && !/^\d+$/.test(headers["content-length"] ?? "")) throw new Error(`no length: ${first}`);
      const end = over + 4 + (bodiless ? 0 : Number(headers["content-length"]));
      if (this.bytes.length < end) return;
      this.answers.push({ status, headers, body: this.bytes.subarray(over + 4, end) });
      this.bytes = this.bytes.subarray(end);
    }
  }
}
