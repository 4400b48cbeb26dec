import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/** Most bytes of requests whose answers are held back at a time, over all connections; beyond it the connection that holds most gets its answers. */
const MOST_BYTES = 64 << 20;
/** What a request takes up besides its texts, in bytes. */
const REQUEST = 2048;
/**
 * How long a connection on which calls come one behind the other must have been quiet before their answers are written, in ms. A sender falls silent
 * in the middle for as long as a packet takes there and back, and for 200 ms where one was lost or our side could take no more.
 */
const QUIET = 500;
/** The same where only one has come. */
const QUIET_ALONE = 100;
/** How long an answer is held back at most, in ms: whoever sends without a pause and reads may be waiting for it. */
const LONGEST = 5000;

/** The connections that hold answers back, and how many bytes they hold. */
const holding = new Map<Pipelined, number>();
let heldBytes = 0;

/**
 * The calls of one connection that have no answer yet. Some clients write thousands of calls into a connection, read no answer, and close it. An
 * answer that reaches one of them before that costs what it has not sent yet: a system that closes a connection with something unread on it resets
 * it (RFC 2525 §2.17). So where calls come one behind the other, their answers wait until the connection brings no more: it has ended, its last call
 * said so, or it has been quiet for half a second. Only the first ones: who goes on after that reads them, or is reset anyway. And where an answer
 * cannot be written any more, what has arrived is read before the connection is let go of: Node would drop it.
 */
export class Pipelined {
  private waiting = 0;
  /** A call has come before the one in front of it was answered. */
  private pipelines = false;
  /** Nothing is held back any more. */
  private over = false;
  /** Whoever is at the other end takes no answers any more. */
  private gone = false;
  private last = 0;
  private since = 0;
  private held: (() => void)[] = [];
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    const destroy = socket.destroy.bind(socket);
    socket.destroy = (error) => {
      if ((error as NodeJS.ErrnoException | undefined)?.syscall !== "write" || this.gone) return destroy(error);
      this.gone = true;
      this.readOut(destroy);
      return socket;
    };
  }

  /**
   * A call has come.
   *
   * @param bare it names no program (`User-Agent`): it comes from a few lines over a socket, as KISSmetrics' own clients are, which may write the next
   * one without waiting, but not before this one would be answered
   */
  call(bare = false): void {
    this.waiting += 1;
    if ((bare || this.waiting > 1) && !this.pipelines) {
      this.pipelines = true;
      this.socket.once("end", () => this.release()).once("close", () => this.release());
    }
    if (this.pipelines && !this.over) this.last = performance.now();
  }

  /** Whether its answer may be written now: nobody here sends a call before the one in front of it is answered. Otherwise {@link Pipelined.hold} it. */
  answered(): boolean {
    this.waiting -= 1;
    return (!this.pipelines || this.over) && !this.gone;
  }

  /**
   * Writes an answer when the connection brings no more.
   *
   * @param final the call asked for the connection to be closed behind it
   */
  hold(write: () => void, { url = "", rawHeaders }: Pick<IncomingMessage, "url" | "rawHeaders">, final = false): void {
    if (this.gone) return;
    this.held.push(write);
    if (final) return this.release();
    if (this.held.length === 1) {
      this.since = performance.now();
      this.releaseWhenQuiet(this.quiet);
    }
    const bytes = rawHeaders.reduce((sum, text) => sum + text.length, REQUEST + url.length);
    heldBytes += bytes;
    holding.set(this, (holding.get(this) ?? 0) + bytes);
    if (heldBytes > MOST_BYTES) largest()?.release();
  }

  /** Lets go of the connection when all that has arrived is read: no more will. */
  private readOut(destroy: () => void): void {
    const { socket } = this;
    let before = -1;
    const look = () => {
      if (socket.destroyed) return;
      if (socket.bytesRead === before) return destroy();
      before = socket.bytesRead;
      // By then it has been asked for more.
      setImmediate(() => setImmediate(look));
    };
    socket.resume();
    look();
  }

  private get quiet(): number {
    return this.held.length + this.waiting > 1 ? QUIET : QUIET_ALONE;
  }

  private releaseWhenQuiet(ms: number): void {
    const look = () => {
      const now = performance.now();
      const left = Math.min(this.last + this.quiet, this.since + LONGEST) - now;
      if (this.over) return;
      if (left > 0) this.releaseWhenQuiet(left);
      else this.release();
    };
    // Time alone says nothing: while the process was busy nothing was read. So it looks when the connection has been asked for more.
    setTimeout(() => setImmediate(() => setImmediate(look)), ms);
  }

  private release(): void {
    this.over = true;
    heldBytes -= holding.get(this) ?? 0;
    holding.delete(this);
    const { held } = this;
    this.held = [];
    for (const write of held) write();
  }
}

function largest(): Pipelined | undefined {
  let most: Pipelined | undefined;
  for (const [one, bytes] of holding) if (most === undefined || bytes > (holding.get(most) ?? 0)) most = one;
  return most;
}

const key: unique symbol = Symbol("kmkit.pipelined");

/** The calls of a connection. */
export function pipelinedOn(socket: Socket & { [key]?: Pipelined }): Pipelined {
  socket[key] ??= new Pipelined(socket);
  return socket[key];
}
