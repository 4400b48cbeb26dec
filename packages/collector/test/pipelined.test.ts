import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import { Pipelined, pipelinedOn } from "../src/pipelined.ts";

interface Connection {
  readonly socket: Socket;
  readonly connection: Pipelined;
  /** The numbers of the calls whose answers were written. */
  readonly written: number[];
}

const request = (size: number) => ({ url: "x".repeat(size), rawHeaders: [] });

type Request = Parameters<Pipelined["hold"]>[1];

function answer(connection: Pipelined, write: () => void, request: Request, final: boolean): void {
  if (connection.answered()) write();
  else connection.hold(write, request, final);
}

/** Calls that come one behind the other on a connection, each answered at once. */
function pipelined(count: number, { final = false, size = 100 } = {}): Connection {
  const socket = new Socket();
  const connection = new Pipelined(socket);
  const written: number[] = [];
  for (let n = 0; n < count; n++) connection.call();
  for (let n = 0; n < count; n++) answer(connection, () => written.push(n), request(size), final && n + 1 === count);
  return { socket, connection, written };
}

/** Whether an answer is written at once. */
function atOnce(connection: Pipelined): boolean {
  let written = false;
  answer(
    connection,
    () => {
      written = true;
    },
    request(1),
    false,
  );
  return written;
}

afterEach(() => {
  vi.useRealTimers();
});

it("a call that comes alone is answered at once, however many there are", () => {
  const connection = new Pipelined(new Socket());
  for (let n = 0; n < 100; n++) {
    connection.call();
    expect(atOnce(connection)).toBe(true);
  }
});

it("calls that come one behind the other are answered in their order, when the connection is quiet", async () => {
  const { connection, written } = pipelined(2);
  connection.call();
  await new Promise<void>((resolve) => {
    answer(connection, resolve, request(1), false);
    expect(written).toEqual([]);
  });
  expect(written).toEqual([0, 1]);
});

it("a call that names no program waits for others, once a connection", async () => {
  vi.useFakeTimers();
  const connection = new Pipelined(new Socket());
  connection.call(true);
  const written: number[] = [];
  answer(connection, () => written.push(0), request(1), false);
  await vi.advanceTimersByTimeAsync(90);
  expect(written).toEqual([]);
  await vi.advanceTimersByTimeAsync(20);
  expect(written).toEqual([0]);
  connection.call(true);
  expect(atOnce(connection)).toBe(true);
});

it("where another one comes behind it, both wait until there are no more", async () => {
  vi.useFakeTimers();
  const connection = new Pipelined(new Socket());
  const written: number[] = [];
  connection.call(true);
  answer(connection, () => written.push(0), request(1), false);
  await vi.advanceTimersByTimeAsync(90);
  connection.call(true);
  await vi.advanceTimersByTimeAsync(300);
  answer(connection, () => written.push(1), request(1), false);
  expect(written).toEqual([]);
  await vi.advanceTimersByTimeAsync(300);
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
  expect([atOnce(connection), atOnce(connection), atOnce(connection)]).toEqual([true, true, true]);
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
  expect(atOnce(connection)).toBe(true);
});

it("behind a call that asks for the connection to be closed nothing is waited for", () => {
  vi.useFakeTimers();
  const { connection, written } = pipelined(3, { final: true });
  expect(written).toEqual([0, 1, 2]);
  connection.call();
  expect(atOnce(connection)).toBe(true);
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

it("whoever takes no answers any more is written none", async () => {
  const { socket, connection, written } = pipelined(2);
  connection.call();
  socket.destroy(Object.assign(new Error("EPIPE"), { syscall: "write" }));
  expect(socket.destroyed).toBe(false);
  expect(atOnce(connection)).toBe(false);
  await once(socket, "close");
  expect(written).toEqual([0, 1]);
  // Nor is anything held for them: this is more than may be.
  for (let n = 0; n < 700; n++) {
    connection.call();
    answer(connection, () => written.push(n), request(100_000), false);
  }
  expect(written).toEqual([0, 1]);
});

/** Sends calls in a thread of its own, reads no answer, and closes behind the last ones, while the thread that asks stands still. */
const sender = `
const { parentPort, workerData: { port, closed } } = require("node:worker_threads");
const socket = require("node:net").connect(port, "127.0.0.1");
socket.pause();
// What its system still holds back when it closes, nobody can read.
socket.setNoDelay(true);
const call = (n) => "GET /" + n + " HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n";
socket.write(call(0));
parentPort.on("message", (word) => {
  if (word === "one more") return socket.write(call(1));
  socket.on("close", () => {
    Atomics.store(closed, 0, 1);
    Atomics.notify(closed, 0);
    parentPort.close();
  });
  socket.write(Array.from({ length: 300 }, (_, n) => call(n + 2)).join(""), () => socket.destroy());
});`;

it("what has arrived is read, though its sender has closed and an answer can be written no more", async () => {
  const seen: string[] = [];
  const closed = new Int32Array(new SharedArrayBuffer(4));
  const server = createServer((request, response) => {
    const calls = pipelinedOn(request.socket);
    calls.call();
    seen.push(request.url ?? "");
    response.on("finish", () => thread.postMessage("one more"));
    if (request.url === "/1") {
      thread.postMessage("all the rest");
      Atomics.wait(closed, 0, 0, 10_000);
    }
    const reply = () => answer(calls, () => response.end("x"), request, false);
    if (seen.length <= 2) reply();
    else setImmediate(reply);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  const gone = once(server, "connection").then(([socket]) => once(socket, "close"));
  const thread = new Worker(sender, { eval: true, workerData: { port: (server.address() as AddressInfo).port, closed } });
  await gone;
  expect(seen).toEqual(Array.from({ length: 302 }, (_, n) => `/${n}`));
});
