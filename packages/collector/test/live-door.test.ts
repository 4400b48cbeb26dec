import { createOutbox, memoryStorage, type Outbox } from "@kmkit/core";
import { beforeEach, describe, expect, it } from "vitest";
import { limits } from "../src/collector.ts";
import { createDoor, type Door } from "../src/door.ts";
import type { Writer } from "../src/keys.ts";
import type { Arrived } from "../src/live/inbox.ts";
import { NameRegister } from "../src/register.ts";
import { ndjson, record } from "./collector-fixture.ts";

let told: Arrived[];
let listening: boolean;
let outbox: Outbox;
let door: Door;

/** A door in front of a real outbox in memory, with somebody who notes what he is told. */
function open(maxBytes = 1 << 30): void {
  told = [];
  listening = true;
  outbox = createOutbox(
    memoryStorage(),
    async () => ({ type: "accepted" }),
    { ...limits, maxBytes },
    () => {},
  );
  const live = {
    get listening() {
      return listening;
    },
    tell: (arrived: Arrived) => void told.push(arrived),
  };
  door = createDoor(outbox, new NameRegister([]), live);
}
beforeEach(() => open());

const shop: Writer = { product: 7, name: "shop", kind: "server", trust: false };
const admit = (...lines: string[]) => door.admit(shop, Buffer.from(ndjson(...lines)));
const single = (identity: string, rest = {}) => door.admitOne(shop, { ...JSON.parse(record(identity, "x")), ...rest });

describe("the door tells those who listen", () => {
  it("of every line as it came, and which were refused, also where a body is worked in slices", async () => {
    const lines = Array.from({ length: 5000 }, (_, n) =>
      n % 7 === 3 ? `no json ${n}` : record("bob", `Event ${n}`, { text: "x".repeat(n % 300) }),
    );
    const { rejected } = await admit(...lines);
    expect(told.length).toBeGreaterThan(2);
    expect(told.flatMap(({ commands }) => commands).filter((line) => line !== "")).toEqual(lines);
    const refused = told.flatMap(({ commands, refused }) => refused.map(({ index, code, message }) => [commands[index], code, message]));
    expect(refused).toEqual(rejected.map(({ index, code, message }) => [lines[index], code, message]));
    expect(refused).toHaveLength(714);
    for (const { product, received } of told) expect([product, Math.abs(received - Date.now()) < 60_000]).toEqual([7, true]);
  });

  it("when they are safe, and not before", async () => {
    const order: string[] = [];
    const put = outbox.put.bind(outbox);
    outbox.put = async (lines) => {
      const error = await put(lines);
      order.push(`safe, ${told.length} told`);
      return error;
    };
    await admit(record("bob", "x"));
    await single("bob");
    expect(order).toEqual(["safe, 0 told", "safe, 1 told"]);
    expect(told).toHaveLength(2);
  });

  it("of single commands together, by product, and of those that were refused", async () => {
    await Promise.all([single("a"), single("b"), single(""), door.admitOne({ ...shop, product: 8 }, JSON.parse(record("c", "x")))]);
    const seen = told.map(({ product, commands, refused }) => [
      product,
      (commands as { identity: string }[]).map(({ identity }) => identity),
      refused.map(({ code }) => code),
    ]);
    expect(seen).toEqual([
      [7, [""], ["KM_IDENTITY_EMPTY"]],
      [7, ["a", "b"], []],
      [8, ["c"], []],
    ]);
  });

  it("that a single command could not be kept, but nothing of a body that its sender sends again", async () => {
    open(10);
    expect((await admit(record("bob", "x"), "no json")).error?.code).toBe("KM_OUTBOX_FULL");
    expect(told).toEqual([]);
    expect((await single("bob"))?.code).toBe("KM_OUTBOX_FULL");
    expect(told).toMatchObject([{ product: 7, commands: [{ identity: "bob" }], refused: [{ index: 0, code: "KM_OUTBOX_FULL" }] }]);
  });

  it("of what was refused before it became a command, where its product is known", () => {
    door.refuse("KM_KEY_REFUSED");
    door.refuse("KM_KEY_REFUSED", 1, "some-key");
    expect(told).toEqual([]);
    door.refuse("KM_TIME_RANGE", 2, shop);
    expect(told).toMatchObject([{ product: 7, refused: [{ index: 0, code: "KM_TIME_RANGE" }, { index: 1 }] }]);
    expect(door.rejected).toEqual({ KM_KEY_REFUSED: 2, KM_TIME_RANGE: 2 });
  });

  it("and tells nothing, and keeps nothing, where nobody does", async () => {
    listening = false;
    await Promise.all([admit(record("bob", "x"), "no json"), single("bob"), single("")]);
    door.refuse("KM_TIME_RANGE", 1, shop);
    expect(told).toEqual([]);
  });
});
