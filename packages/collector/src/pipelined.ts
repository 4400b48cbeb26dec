import type { Socket } from "node:net";

/** Most answers that are held back at a time, over all connections: each holds its request in memory. */
const MOST_HELD = 20_000;
/**
 * How long a connection on which calls come one behind the other must have been quiet before their answers are written, in ms. A sender falls silent
 * in the middle for as long as a packet takes there and back, and for 200 ms where one was lost or our side could take no more.
 */
const QUIET = 500;

/** How many are held back. */
let heldNow = 0;

/**
 * The calls of one connection that have no answer yet. Some clients write thousands of calls into a connection, read no answer, and close it. An
 * answer that reaches one of them before that costs what it has not sent yet: a system that closes a connection with something unread on it resets
 * it (RFC 2525 §2.17). An answer written after that costs what has arrived and was not read yet: Node drops it. So where calls come one behind the
 * other, their answers wait until the connection brings no more: it has ended, its last call said so, or it has been quiet for half a second.
 */
export class Pipelined {
  private waiting = 0;
  /** A call has come before the one in front of it was answered. */
  private pipelines = false;
  /** No more calls come. */
  private over = false;
  private last = 0;
  private looks = false;
  private held: (() => void)[] = [];
  private readonly socket: Pick<Socket, "once">;

  constructor(socket: Pick<Socket, "once">) {
    this.socket = socket;
  }

  /** A call has come. */
  call(): void {
    this.waiting += 1;
    if (this.waiting > 1 && !this.pipelines) {
      this.pipelines = true;
      this.socket.once("end", () => this.end()).once("close", () => this.end());
    }
    if (this.pipelines) this.last = performance.now();
  }

  /** Whether its answer may be written now: nobody here sends a call before the one in front of it is answered. Otherwise {@link Pipelined.hold} it. */
  answered(): boolean {
    this.waiting -= 1;
    return !this.pipelines || this.over;
  }

  /** Writes an answer when the connection brings no more; `final`: the call asked for the connection to be closed behind it. */
  hold(write: () => void, final = false): void {
    heldNow += 1;
    this.held.push(write);
    if (final) this.end();
    else if (heldNow >= MOST_HELD) this.release();
    else if (!this.looks) this.releaseWhenQuiet(QUIET);
  }

  private end(): void {
    this.over = true;
    this.release();
  }

  private releaseWhenQuiet(ms: number): void {
    this.looks = true;
    const look = () => {
      this.looks = false;
      const left = this.last + QUIET - performance.now();
      if (left > 0) this.releaseWhenQuiet(left);
      else this.release();
    };
    // Time alone says nothing: while the process was busy nothing was read. So it looks when the connection has been asked for more.
    setTimeout(() => setImmediate(() => setImmediate(look)), ms);
  }

  private release(): void {
    const { held } = this;
    this.held = [];
    heldNow -= held.length;
    for (const write of held) write();
  }
}

const key: unique symbol = Symbol("kmkit.pipelined");

/** The calls of a connection. */
export function pipelinedOn(socket: Socket & { [key]?: Pipelined }): Pipelined {
  socket[key] ??= new Pipelined(socket);
  return socket[key];
}
