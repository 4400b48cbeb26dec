import { expect, it } from "vitest";
import { Refusals } from "../src/refusals.ts";

const shop = { product: 1, name: "shop" };
const hour = 3_600_000;

it("refusals are told apart by reason and sender, the latest first", () => {
  const refusals = new Refusals();
  refusals.note("A", 1, "abcdefgh", 1000);
  refusals.note("A", 2, "abcdxyz", 2000);
  refusals.note("A", 1, shop, 3000);
  refusals.note("B", 5, undefined, 4000);
  refusals.note("A", 1, "", 5000);
  refusals.note("A", 1, { product: 2, name: "blog" }, 6000);
  expect(refusals.byCode).toEqual({ A: 6, B: 5 });
  expect(refusals.list()).toEqual([
    { code: "A", product: "blog", count: 1, first: 6000, last: 6000 },
    { code: "A", key: "", count: 1, first: 5000, last: 5000 },
    { code: "B", count: 5, first: 4000, last: 4000 },
    { code: "A", product: "shop", count: 1, first: 3000, last: 3000 },
    { code: "A", key: "abcd…", count: 3, first: 1000, last: 2000 },
  ]);
});

it.each([
  ["\u001b[2Jabc", "??2J…"],
  ["ab", "ab…"],
  ["\n\r\0\u007f", "????…"],
  ["<b>x", "?b?x…"],
  ["🙂🙂🙂", "????…"],
  ["\u202eabcd", "?abc…"],
  ["other", "othe…"],
  ["km_server_0123456789", "km_server_0123…"],
  ["km_browser_\u001babcdef", "km_browser_?abc…"],
])("of the key %j no more is shown than %j", (key, shown) => {
  const refusals = new Refusals();
  refusals.note("A", 1, key);
  expect(refusals.list()[0]?.key).toBe(shown);
});

it("ever new keys are counted, but not kept apart; those that are silent for an hour make room, and the sum stays right", () => {
  const refusals = new Refusals();
  for (let n = 0; n < 1000; n++) refusals.note("A", 1, `k${n}`, n);
  const sum = () => refusals.list().reduce((all, { count }) => all + count, 0);
  expect(refusals.list()).toHaveLength(101);
  expect(refusals.list().find(({ key }) => key === "other")).toMatchObject({ first: 100, last: 999 });
  // Ours are told apart all the same.
  refusals.note("A", 1, shop, 2000);
  expect(refusals.list()[0]).toMatchObject({ product: "shop" });
  // k0 goes on; of the others the oldest goes.
  refusals.note("A", 1, "k0", hour);
  refusals.note("B", 1, "new1", hour + 1);
  refusals.note("A", 1, "new2", hour + 1);
  const keys = refusals.list().map(({ code, key }) => `${code} ${key}`);
  expect(keys).toEqual(expect.arrayContaining(["A k0…", "B new1…", "A other"]));
  expect(keys).not.toContain("A k1…");
  expect(keys).not.toContain("A new2…");
  expect([sum(), keys.length]).toEqual([1004, 102]);
  refusals.note("A", 1, "new2", 2 * hour);
  expect(refusals.list().filter(({ key }) => key === "new2…")).toHaveLength(1);
});
