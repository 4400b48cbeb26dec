import { expect, it } from "vitest";
import { RecentEvents } from "../src/recentevents.ts";

it("an event's first call and its retries are the event; a call of the same event with other properties is not", () => {
  const recent = new RecentEvents();
  expect([recent.isFirst("a", '{"Plan":"Pro"}'), recent.isFirst("a", '{"Plan":"Pro"}'), recent.isFirst("b", "{}")]).toEqual([
    true,
    true,
    true,
  ]);
  expect([recent.isFirst("a", '{"Amount":"1"}'), recent.isFirst("a", "{}"), recent.isFirst("a", '{"Plan":"Pro"}')]).toEqual([
    false,
    false,
    true,
  ]);
});

it("where the first call may not have been kept, the next one is the event", () => {
  const recent = new RecentEvents();
  recent.isFirst("a", "{}");
  recent.clear();
  expect(recent.isFirst("a", '{"Plan":"Pro"}')).toBe(true);
});

it("the last eight thousand are remembered, and not ever more", () => {
  const recent = new RecentEvents();
  recent.isFirst("old", "{}");
  for (let n = 0; n < 8000; n++) recent.isFirst(`event ${n}`, "{}");
  expect(recent.isFirst("old", "other")).toBe(false);
  for (let n = 0; n < 16_000; n++) recent.isFirst(`later ${n}`, "{}");
  expect(recent.isFirst("old", "other")).toBe(true);
});
