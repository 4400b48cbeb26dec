import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { lineStream } from "../src/linestream.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Lines without end, and whether they were let go of. */
function source(count = Number.POSITIVE_INFINITY) {
  const state = { read: 0, over: false };
  async function* lines() {
    try {
      while (state.read < count) yield `line ${state.read++}`;
    } finally {
      state.over = true;
    }
  }
  return { state, lines: lines() };
}

it("a reader gets every line, and is waited for as long as he takes some", async () => {
  const { lines, state } = source(1200);
  const reader = lineStream(lines, 1000).getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += Buffer.from(part.value).toString();
    await vi.advanceTimersByTimeAsync(900);
  }
  expect(text).toBe(Array.from({ length: 1200 }, (_, n) => `line ${n}\n`).join(""));
  expect([state.over, vi.getTimerCount()]).toEqual([true, 0]);
});

it("one that takes nothing is cut off, and the source is let go of; nothing is read ahead meanwhile", async () => {
  const { lines, state } = source();
  const reader = lineStream(lines, 1000).getReader();
  await reader.read();
  await vi.advanceTimersByTimeAsync(999);
  const { read } = state;
  expect([read <= 1000, state.over]).toEqual([true, false]);
  await vi.advanceTimersByTimeAsync(1);
  expect([state.read, state.over]).toEqual([read, true]);
  await expect(reader.read()).rejects.toThrow("takes nothing");
});

it("one that goes away leaves nothing behind", async () => {
  const { lines, state } = source();
  const reader = lineStream(lines, 1000).getReader();
  await reader.read();
  await reader.cancel();
  expect([state.over, vi.getTimerCount()]).toEqual([true, 0]);
});
