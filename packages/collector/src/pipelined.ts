import type { Socket } from "node:net";

/** Most answers that are held back at a time, over all connections: each holds its request in memory. */
const MOST_HELD = 20_000;
/** How long a connection on which calls come one behind the other must have been quiet before their answers are written, in ms. */
const QUIET = 20;

/** How many are held back. */
let heldNow = 0;

/**
 * The calls of one connection that have no answer yet. Some clients write thousands of calls into a connection, read no answer, and close it. Who
 * answers one of them then writes to a connection that is gone, and Node drops it with all that has arrived and was not read yet. So where calls come
 * one behind the other, their answers wait until the connection brings no more.
 */
export class Pipelined {
  private waiting = 0;
  /** A call has come before the one in front of it was answered. */
  private pipelines = false;
  private last = 0;
  private held: (() => void)[] = [];

  /** A call has come. */
  call(): void {
    this.waiting += 1;
    if (this.waiting > 1) this.pipelines = true;
    if (this.pipelines) this.last = performance.now();
  }

  /** Whether its answer may be written now: nobody here sends a call before the one in front of it is answered. Otherwise {@link Pipelined.hold} it. */
  answered(): boolean {
    this.waiting -= 1;
    return !this.pipelines;
  }

  /** Writes an answer when the connection brings no more. */
  hold(write: () => void): void {
    heldNow += 1;
    this.held.push(write);
    if (heldNow >= MOST_HELD) this.release();
    else if (this.held.length === 1) this.releaseWhenQuiet(QUIET);
  }

  private releaseWhenQuiet(ms: number): void {
    const look = () => {
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
  socket[key] ??= new Pipelined();
  return socket[key];
}
