import { Socket } from "node:net";
import { afterEach, expect, it, vi } from "vitest";
import { Pipelined } from "../src/pipelined.ts";

interface Connection {
  readonly socket: Socket;
  readonly connection: Pipelined;
  /** The numbers of the calls whose answers were written. */
  readonly written: number[];
}

/** Calls that come one behind the other on a connection, each answered at once. */
function pipelined(count: number, final = false): Connection {
  const socket = new Socket();
  const connection = new Pipelined(socket);
  const written: number[] = [];
  for (let n = 0; n < count; n++) connection.call();
  for (let n = 0; n < count; n++) {
    if (connection.answered()) written.push(n);
    else connection.hold(() => written.push(n), final && n + 1 === count);
  }
  return { socket, connection, written };
}

afterEach(() => {
  vi.useRealTimers();
});

it("a call that comes alone is answered at once, however many there are", () => {
  const connection = new Pipelined(new Socket());
  for (let n = 0; n < 100; n++) {
    connection.call();
    expect(connection.answered()).toBe(true);
  }
});

it("calls that come one behind the other are answered in their order, when the connection is quiet", async () => {
  const { connection, written } = pipelined(3);
  expect(written).toEqual([]);
  // Also the next one on it, though it comes alone.
  connection.call();
  expect(connection.answered()).toBe(false);
  await new Promise<void>((resolve) =>
    connection.hold(() => {
      expect(written).toEqual([0, 1, 2]);
      resolve();
    }),
  );
});

it("quiet is half a second without a call", async () => {
  vi.useFakeTimers();
  const { connection, written } = pipelined(2);
  await vi.advanceTimersByTimeAsync(400);
  connection.call();
  await vi.advanceTimersByTimeAsync(450);
  expect(written).toEqual([]);
  await vi.advanceTimersByTimeAsync(100);
  expect(written).toEqual([0, 1]);
});

it.each(["end", "close"])("at the connection's %s the answers are written without waiting", (event) => {
  vi.useFakeTimers();
  const { socket, connection, written } = pipelined(3);
  connection.call();
  expect(written).toEqual([]);
  socket.emit(event);
  expect(written).toEqual([0, 1, 2]);
  // What had come before and is answered after it does not wait either.
  expect(connection.answered()).toBe(true);
});

it("behind a call that asks for the connection to be closed nothing is waited for", () => {
  vi.useFakeTimers();
  const { connection, written } = pipelined(3, true);
  expect(written).toEqual([0, 1, 2]);
  connection.call();
  expect(connection.answered()).toBe(true);
});

it("no more than 20,000 answers are held back at a time, over all connections", async () => {
  const first = pipelined(12_000);
  const second = pipelined(12_000);
  expect([first.written.length, second.written.length]).toEqual([0, 8000]);
  const others = [first, second].map(
    ({ connection }) =>
      new Promise<void>((resolve) => {
        connection.call();
        expect(connection.answered()).toBe(false);
        connection.hold(resolve);
      }),
  );
  await Promise.all(others);
  expect([first.written.length, second.written.length]).toEqual([12_000, 12_000]);
});
