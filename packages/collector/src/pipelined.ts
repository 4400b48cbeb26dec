import type { Socket } from "node:net";

/** Most answers that are held back at a time, over all connections: each holds its request in memory. */
const MOST_HELD = 20_000;

/** How many are. */
let heldNow = 0;

/**
 * The calls of one connection that have no answer yet. Some clients write thousands of calls into a connection, read no answer, and close it. Who
 * answers the first of them writes to a connection that is gone, and Node then drops it with all that has arrived and was not read yet. So where
 * calls come one behind the other, their answers wait until the connection brings no more.
 */
export class Pipelined {
  private waiting = 0;
  private came = 0;
  private held: (() => void)[] = [];

  /** A call has come. */
  call(): void {
    this.waiting += 1;
    this.came += 1;
  }

  /** Its answer is there to be written: now, where it is the only one that is waited for. */
  answer(write: () => void): void {
    this.waiting -= 1;
    if (this.held.length === 0 && (this.waiting === 0 || heldNow >= MOST_HELD)) return write();
    heldNow += 1;
    this.held.push(write);
    if (heldNow >= MOST_HELD) this.release();
    else if (this.held.length === 1) this.releaseWhenQuiet();
  }

  private releaseWhenQuiet(): void {
    const { came } = this;
    // Two turns: what one of them reads is handed out in the next.
    setImmediate(() =>
      setImmediate(() => {
        if (this.came === came) this.release();
        else if (this.held.length > 0) this.releaseWhenQuiet();
      }),
    );
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
