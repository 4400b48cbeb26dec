import { KmError } from "@kmkit/core";
import type { Filter } from "./filter.ts";

/** Most bytes that wait for a reader. */
const MOST_WAITING = 8 << 20;
/** About how many bytes are handed on at a time. */
const TOGETHER = 64 << 10;
/** How long the last event of a stream that ends may take to be read before the connection is cut, in ms. */
const FAREWELL = 5000;

/** Who reads a stream. */
export interface Reader {
  /** Whether the one who was let in may still read: the first key closes a collector that was open. */
  may(): boolean;
  /** Cuts the connection, where nobody reads. */
  cut(): void;
}

/** Somebody who looks on: a stream of events that is never waited for. */
export class Listener {
  readonly product: number;
  readonly filter: Filter;
  /** Nothing is shown that came no later than this: a number of {@link Arrived.place}. */
  readonly since: number;
  /** Every identity of the people that the filter names, as far as known; and whether that is to be asked again. */
  theirs: ReadonlySet<string>;
  stale = true;
  readonly stream: ReadableStream<Uint8Array>;
  private waiting: Uint8Array[] = [];
  private bytes = 0;
  /** The reader has asked for more. */
  private readonly wake: () => void;
  private state: "open" | "ending" | "over" = "open";
  private cutting: NodeJS.Timeout | undefined;
  private readonly reader: Reader;
  private readonly onEnd: () => void;
  private readonly onOver: () => void;

  /** @param on told when nothing more is to be shown, and when the connection is over. */
  constructor(product: number, filter: Filter, since: number, reader: Reader, on: { end: () => void; over: () => void }) {
    this.product = product;
    this.filter = filter;
    this.since = since;
    this.theirs = new Set(filter.persons);
    this.reader = reader;
    this.onEnd = on.end;
    this.onOver = on.over;
    let go: (() => void) | undefined;
    this.wake = () => go?.();
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: (controller) =>
          new Promise<void>((resolve) => {
            go = () => {
              if (!this.hand(controller)) return;
              go = undefined;
              resolve();
            };
            go();
          }),
        cancel: () => this.finish(),
      },
      { highWaterMark: 0 },
    );
  }

  get open(): boolean {
    return this.state === "open";
  }

  /** Sends some events; a reader who left too many waiting is dropped. */
  send(text: string): void {
    if (this.state !== "open") return;
    if (this.bytes <= MOST_WAITING) return this.add(text);
    this.forget();
    this.end(new KmError("KM_LISTENER_SLOW"), FAREWELL);
  }

  /** Ends the stream of a reader who may not read any more. */
  dismiss(): void {
    if (this.state !== "open" || this.reader.may()) return;
    this.forget();
    this.end(new KmError("KM_TOKEN_REFUSED"), FAREWELL);
  }

  /** The last event says why; then the stream ends, and the connection is cut when the reader has not read that in time. */
  end(reason: KmError, patience: number): void {
    if (this.state !== "open") return;
    this.state = "ending";
    this.cutting = setTimeout(() => {
      this.reader.cut();
      this.finish();
    }, patience);
    this.cutting.unref();
    this.onEnd();
    this.add(eventText("end", { code: reason.code, message: reason.message }));
  }

  /** Gives the reader what waits, if something does; after the last event the stream is over. */
  private hand(controller: ReadableStreamDefaultController<Uint8Array>): boolean {
    const next = this.take();
    if (next !== undefined) controller.enqueue(next);
    if (this.state === "open" || this.waiting.length > 0) return next !== undefined;
    controller.close();
    // What is on its way now is the connection's: it is cut all the same if the reader does not take it.
    this.leave();
    return true;
  }

  /** The first of what waits, small events together. */
  private take(): Uint8Array | undefined {
    let [count, size] = [0, 0];
    for (const { length } of this.waiting) {
      if (count > 0 && size + length > TOGETHER) break;
      count += 1;
      size += length;
    }
    if (count === 0) return undefined;
    this.bytes -= size;
    return Buffer.concat(this.waiting.splice(0, count), size);
  }

  private add(text: string): void {
    const chunk = Buffer.from(text);
    this.waiting.push(chunk);
    this.bytes += chunk.length;
    this.wake();
  }

  private forget(): void {
    this.waiting = [];
    this.bytes = 0;
  }

  /** The reader has gone. */
  private finish(): void {
    clearTimeout(this.cutting);
    this.forget();
    if (this.state === "open") this.onEnd();
    this.leave();
  }

  private leave(): void {
    if (this.state === "over") return;
    this.state = "over";
    this.onOver();
  }
}

/** An event as it stands in the stream (WHATWG HTML, "Server-sent events"). JSON holds no line ends. */
export function eventText(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
