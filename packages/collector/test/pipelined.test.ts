import { expect, it } from "vitest";
import { Pipelined } from "../src/pipelined.ts";

/** Calls that come one behind the other on a connection, each answered at once; gives the answers that were written. */
function pipelined(count: number): { connection: Pipelined; written: number[] } {
  const connection = new Pipelined();
  const written: number[] = [];
  for (let n = 0; n < count; n++) connection.call();
  for (let n = 0; n < count; n++) {
    if (connection.answered()) written.push(n);
    else connection.hold(() => written.push(n));
  }
  return { connection, written };
}

it("a call that comes alone is answered at once, however many there are", () => {
  const connection = new Pipelined();
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
