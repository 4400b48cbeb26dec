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
function pipelined(count: number, { final = false, size = 100 } = {}): Connection {
  const socket = new Socket();
  const connection = new Pipelined(socket);
  const written: number[] = [];
  for (let n = 0; n < count; n++) connection.call();
  for (let n = 0; n < count; n++) {
    if (connection.answered()) written.push(n);
    else connection.hold(() => written.push(n), size, final && n + 1 === count);
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
  const { connection, written } = pipelined(2);
  connection.call();
  expect([connection.answered(), written]).toEqual([false, []]);
  await new Promise<void>((resolve) => connection.hold(resolve, 100));
  expect(written).toEqual([0, 1]);
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

it("whoever goes on after the first answers has them at once", async () => {
  vi.useFakeTimers();
  const { connection, written } = pipelined(2);
  await vi.advanceTimersByTimeAsync(600);
  expect(written).toEqual([0, 1]);
  for (let n = 0; n < 3; n++) connection.call();
  expect([connection.answered(), connection.answered(), connection.answered()]).toEqual([true, true, true]);
});

it("whoever is never quiet has the answers after five seconds", async () => {
  vi.useFakeTimers();
  const { connection, written } = pipelined(2);
  for (let ms = 0; ms < 4900; ms += 100) {
    connection.call();
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(written).toEqual([]);
  connection.call();
  await vi.advanceTimersByTimeAsync(200);
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
  const { connection, written } = pipelined(3, { final: true });
  expect(written).toEqual([0, 1, 2]);
  connection.call();
  expect(connection.answered()).toBe(true);
});

it("no more than 64 MB of requests are held back; beyond that the connection that holds most has its answers", () => {
  vi.useFakeTimers();
  const few = pipelined(1000);
  const large = pipelined(500, { size: 100_000 });
  expect([few.written.length, large.written.length]).toEqual([0, 0]);
  const more = pipelined(7000);
  expect([few.written.length, large.written.length, more.written.length]).toEqual([0, 500, 0]);
  // What was given back counts no more.
  const again = pipelined(400, { size: 100_000 });
  expect([few.written.length, again.written.length, more.written.length]).toEqual([0, 0, 0]);
  for (const { socket } of [few, again, more]) socket.emit("close");
});
