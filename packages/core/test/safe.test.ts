import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Client, createKm, type Verdict } from "../src/index.ts";

/** A receiver in the hands of the test. */
let answer: () => Promise<Verdict>;
let sent: number[];
let client: Client;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  answer = async () => ({ type: "accepted" });
  sent = [];
  client = createKm({
    transport: (batch) => {
      sent.push(batch.length);
      return answer();
    },
    onError: () => {},
  });
});
afterEach(() => void vi.useRealTimers());

const record = async () => {
  client.as("bob").record("Seen");
  await vi.advanceTimersByTimeAsync(0);
};
const over = (work: Promise<void>) => {
  let is = false;
  void work.then(() => {
    is = true;
  });
  return () => is;
};

describe("client.safe(), for a platform that stops what nothing holds", () => {
  it("settles with the receiver's verdict, and hurries nothing", async () => {
    await record();
    const safe = over(client.safe());
    await vi.advanceTimersByTimeAsync(90);
    expect([sent, safe()]).toEqual([[], false]);
    await vi.advanceTimersByTimeAsync(20);
    expect([sent, safe()]).toEqual([[1], true]);
  });

  it("does not wait for what is recorded after it was asked", async () => {
    await record();
    const safe = over(client.safe());
    await vi.advanceTimersByTimeAsync(110);
    answer = () => new Promise(() => {});
    await record();
    expect(safe()).toBe(true);
  });

  it("gives up at its deadline, and keeps what waits", async () => {
    answer = async () => ({ type: "retry", code: "KM_COLLECTOR_UNREACHABLE" });
    await record();
    const safe = over(client.safe(3000));
    await vi.advanceTimersByTimeAsync(2900);
    expect(safe()).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect([safe(), client.stats().kept]).toEqual([true, 1]);
    expect(sent.length).toBeGreaterThan(1);
  });

  it("does not leave while a batch is under way: the platform would cut it off", async () => {
    let take: (verdict: Verdict) => void = () => {};
    answer = () =>
      new Promise((resolve) => {
        take = resolve;
      });
    await record();
    const safe = over(client.safe(500));
    await vi.advanceTimersByTimeAsync(5000);
    expect([sent, safe()]).toEqual([[1], false]);
    take({ type: "accepted" });
    await vi.advanceTimersByTimeAsync(0);
    expect([safe(), client.stats().kept]).toEqual([true, 0]);
  });

  it("many who wait through an outage leave nothing behind", async () => {
    answer = async () => ({ type: "retry", code: "KM_COLLECTOR_UNREACHABLE" });
    await record();
    const all = Promise.all(Array.from({ length: 100 }, () => client.safe(2000)));
    await vi.advanceTimersByTimeAsync(2100);
    await all;
    // The outbox' own next try is all that is left.
    expect(vi.getTimerCount()).toBeLessThanOrEqual(2);
  });
});

describe("a platform that ends timers with the request that set them", () => {
  it("stops nothing for good: the next command sets them going again", async () => {
    await record();
    vi.clearAllTimers();
    await vi.advanceTimersByTimeAsync(5000);
    expect(sent).toEqual([]);
    await record();
    await vi.advanceTimersByTimeAsync(110);
    expect(sent).toEqual([2]);
  });

  it("nor does somebody who waits need a next command", async () => {
    await record();
    vi.clearAllTimers();
    const safe = over(client.safe());
    await vi.advanceTimersByTimeAsync(3000);
    expect([sent, safe()]).toEqual([[1], true]);
  });

  it("the sweep of requests that never end goes on with the next one", async () => {
    const lines = (name: string) => ({ take: () => [JSON.stringify({ name })] });
    client.watch(lines("One"));
    vi.clearAllTimers();
    await vi.advanceTimersByTimeAsync(5000);
    client.watch(lines("Two"));
    await vi.advanceTimersByTimeAsync(6000);
    expect(sent.reduce((sum, count) => sum + count, 0)).toBe(2);
  });
});
