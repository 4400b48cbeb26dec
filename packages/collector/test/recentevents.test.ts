import { expect, it } from "vitest";
import { derive } from "../src/derive.ts";
import { RecentEvents } from "../src/recentevents.ts";

const [a, b] = [derive("a"), derive("b")];

it("an event's first call and its retries are the event; a call of the same event with other properties is not", () => {
  const recent = new RecentEvents();
  expect([recent.isFirst(a, '{"Plan":"Pro"}'), recent.isFirst(a, '{"Plan":"Pro"}'), recent.isFirst(b, "{}")]).toEqual([true, true, true]);
  expect([recent.isFirst(a, '{"Amount":"1"}'), recent.isFirst(a, "{}"), recent.isFirst(a, '{"Plan":"Pro"}')]).toEqual([false, false, true]);
});

it("where the first call may not have been kept, the next one is the event", () => {
  const recent = new RecentEvents();
  recent.isFirst(a, "{}");
  recent.clear();
  expect(recent.isFirst(a, '{"Plan":"Pro"}')).toBe(true);
});

it("no two events are taken for one, though they share a place; the later one has it", () => {
  const recent = new RecentEvents();
  const others = Array.from({ length: 200_000 }, (_, n) => derive(`other ${n}`));
  recent.isFirst(a, "{}");
  for (const other of others) if (other.slice(0, 4) !== a.slice(0, 4)) expect(recent.isFirst(other, "{}")).toBe(true);
  expect(recent.isFirst(a, "other")).toBe(false);
  for (const other of others.filter((one) => one.slice(0, 4) === a.slice(0, 4))) expect(recent.isFirst(other, "other")).toBe(true);
  expect(recent.isFirst(a, "other")).toBe(true);
});
