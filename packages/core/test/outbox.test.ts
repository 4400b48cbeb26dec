import fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  type Batch,
  createOutbox,
  createReporter,
  type DeadLetter,
  httpTransport,
  KmError,
  memoryStorage,
  type OutboxLimits,
  type Post,
  streamGzip,
  type Transport,
  type Verdict,
  verdict,
} from "../src/index.ts";

const limits: OutboxLimits = { maxBytes: 1 << 20, batchCommands: 10, batchBytes: 4096, gather: 0, linger: 1, timeout: 200 };
const line = (n: number, size = 10) => JSON.stringify({ n, pad: "x".repeat(size) });
const lines = (count: number, from = 0) => Array.from({ length: count }, (_, index) => line(from + index));
const numbers = (batch: Batch) => batch.lines.map((one) => (JSON.parse(one) as { n: number }).n);

/** An outbox whose transport answers as told, and all that it was handed. */
function make(answer: (batch: Batch, call: number, signal: AbortSignal) => Verdict | Promise<Verdict>, given: Partial<OutboxLimits> = {}) {
  const batches: number[][] = [];
  const errors: KmError[] = [];
  const letters: DeadLetter[] = [];
  const storage = memoryStorage();
  const setAside = storage.setAside;
  storage.setAside = (more) => {
    letters.push(...more);
    return setAside(more);
  };
  let calls = 0;
  const transport: Transport = async (batch, signal) => {
    batches.push(numbers(batch));
    calls += 1;
    return answer(batch, calls, signal);
  };
  return { outbox: createOutbox(storage, transport, { ...limits, ...given }, (error) => errors.push(error)), batches, errors, letters };
}
const accepted = (): Verdict => ({ type: "accepted" });
/** recorded = sent + kept + refused, to the last command. */
function expectBalance({ recorded, found, sent, kept, refused }: ReturnType<ReturnType<typeof make>["outbox"]["stats"]>) {
  expect(recorded + found).toBe(sent + kept + Object.values(refused).reduce((sum, count) => sum + count, 0));
  expect(found).toBe(0);
}

describe("an outbox", () => {
  it("sends everything once and in order, in batches within the bounds", async () => {
    const { outbox, batches } = make(accepted);
    for (let n = 0; n < 95; n += 5) void outbox.put(lines(5, n));
    expect(await outbox.flush()).toEqual({ sent: 95, kept: 0, dropped: 0 });
    expect(batches.flat()).toEqual([...Array(95).keys()]);
    expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(10);
    expectBalance(outbox.stats());
  });

  it("tries with a few first, and what is left follows at once", async () => {
    // Nobody flushes, and lingering would take longer than the test may.
    const { outbox, batches } = make(accepted, { batchCommands: 500, batchBytes: 1 << 20, linger: 60_000 });
    for (let n = 0; n < 510; n += 5) void outbox.put(lines(5, n));
    await vi.waitFor(() => expect(outbox.stats().sent).toBe(510));
    for (let n = 0; n < 500; n += 5) void outbox.put(lines(5, n));
    await vi.waitFor(() => expect(outbox.stats().sent).toBe(1010));
    expect(batches.map((batch) => batch.length)).toEqual([20, 490, 500]);
  });

  it("tries with a few after a fault", async () => {
    const fault: Verdict = { type: "retry", after: 1, code: "KM_COLLECTOR_UNREACHABLE" };
    const { outbox, batches } = make((_, call) => (call === 2 ? fault : accepted()), { batchCommands: 500, batchBytes: 1 << 20 });
    for (let n = 0; n < 510; n += 5) void outbox.put(lines(5, n));
    await vi.waitFor(() => expect(outbox.stats().sent).toBe(510));
    expect(batches.map((batch) => batch.length)).toEqual([20, 490, 20, 470]);
  });

  it("cuts one large list into batches, and bounds them by bytes too", async () => {
    const { outbox, batches } = make(accepted, { batchCommands: 1000 });
    await outbox.put(Array.from({ length: 40 }, (_, n) => line(n, 500)));
    await outbox.flush();
    expect(batches.flat()).toEqual([...Array(40).keys()]);
    expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(7);
  });

  it("sends by itself, without a flush", async () => {
    let resolve = (_: unknown) => {};
    const arrived = new Promise((done) => {
      resolve = done;
    });
    const { outbox } = make((batch) => {
      resolve(batch.length);
      return accepted();
    });
    await outbox.put(lines(3));
    expect(await arrived).toBe(3);
  });

  it("tries again after a fault, reports it once, and loses nothing", async () => {
    const { outbox, batches, errors } = make((_, call) =>
      call <= 3 ? { type: "retry", code: "KM_COLLECTOR_BUSY", after: 1 } : accepted(),
    );
    await outbox.put(lines(25));
    expect(await outbox.flush()).toEqual({ sent: 25, kept: 0, dropped: 0 });
    expect(batches.slice(3).flat()).toEqual([...Array(25).keys()]);
    expect(errors.map(({ code }) => code)).toEqual(["KM_COLLECTOR_BUSY"]);
    expect(outbox.stats().fault).toBeUndefined();
  });

  it("keeps what cannot be sent, and a passed deadline shows as kept", async () => {
    const { outbox } = make(() => ({ type: "retry", code: "KM_KEY_REFUSED", after: 60_000, detail: "status 401" }));
    await outbox.put(lines(12));
    expect(await outbox.flush(30)).toEqual({ sent: 0, kept: 12, dropped: 0 });
    expect(outbox.stats()).toMatchObject({ kept: 12, fault: "KM_KEY_REFUSED: status 401" });
    expectBalance(outbox.stats());
  });

  it("halves a batch that is too large, down to the command that is", async () => {
    const { outbox, letters } = make((batch) => (numbers(batch).includes(7) ? { type: "split" } : accepted()));
    await outbox.put(lines(10));
    expect(await outbox.flush()).toEqual({ sent: 9, kept: 0, dropped: 1 });
    expect(letters).toMatchObject([{ line: line(7), code: "KM_COMMAND_TOO_LARGE" }]);
    expectBalance(outbox.stats());
  });

  it("sets aside what was refused for good, by line or whole, and keeps the good neighbours", async () => {
    const { outbox, letters, errors } = make((_, call) =>
      call === 1
        ? {
            type: "accepted",
            refused: [
              { index: 2, code: "KM_NAME_EMPTY", message: "no name" },
              { index: 99, code: "X" },
            ],
          }
        : { type: "reject", detail: "status 400" },
    );
    await outbox.put(lines(10));
    await outbox.put(lines(2, 10));
    expect(await outbox.flush()).toEqual({ sent: 9, kept: 0, dropped: 3 });
    expect(letters.map(({ code }) => code)).toEqual(["KM_NAME_EMPTY", "KM_REJECTED", "KM_REJECTED"]);
    expect(errors.map(({ code }) => code)).toEqual(["KM_REJECTED", "KM_REJECTED"]);
    expectBalance(outbox.stats());
  });

  it("is bounded by bytes: the newest are refused with a code and counted", async () => {
    const { outbox, errors } = make(() => ({ type: "retry", code: "KM_COLLECTOR_UNREACHABLE", after: 60_000 }), { maxBytes: 1000 });
    const answers = await Promise.all([...Array(100).keys()].map((n) => outbox.put([line(n)])));
    const { kept, keptBytes, refused } = outbox.stats();
    expect(keptBytes).toBeLessThanOrEqual(1000);
    expect(kept + (refused.KM_OUTBOX_FULL ?? 0)).toBe(100);
    expect(answers.filter((error) => error?.code === "KM_OUTBOX_FULL")).toHaveLength(100 - kept);
    expect(errors[0]?.code).toBe("KM_OUTBOX_FULL");
    expectBalance(outbox.stats());
  });

  it("ends a transport that never answers, and one that throws is a passing fault", async () => {
    let aborted = false;
    const { outbox } = make(
      (_, call, signal) => {
        if (call === 2) throw new Error("socket hang up");
        if (call > 2) return accepted();
        signal.addEventListener("abort", () => {
          aborted = true;
        });
        return new Promise<Verdict>(() => {});
      },
      { timeout: 20 },
    );
    await outbox.put(lines(1));
    expect(await outbox.flush()).toEqual({ sent: 1, kept: 0, dropped: 0 });
    expect(aborted).toBe(true);
  });

  it("refuses what comes after close, and says so", async () => {
    const { outbox } = make(accepted);
    await outbox.put(lines(2));
    expect(await outbox.close()).toEqual({ sent: 2, kept: 0, dropped: 0 });
    expect((await outbox.put(lines(1)))?.code).toBe("KM_CLIENT_CLOSED");
    expect(outbox.stats().refused).toEqual({ KM_CLIENT_CLOSED: 1 });
  });

  it("can be closed twice, and a flush after it has nothing to wait for", async () => {
    const { outbox } = make(() => ({ type: "retry", code: "KM_COLLECTOR_UNREACHABLE", after: 60_000 }));
    await outbox.put(lines(3));
    const [first, second] = await Promise.all([outbox.close(30), outbox.close()]);
    expect(first).toEqual({ sent: 0, kept: 3, dropped: 0 });
    expect(second).toEqual(first);
    expect(await outbox.flush()).toEqual({ sent: 0, kept: 3, dropped: 0 });
  });

  it("whatever the receiver answers, every command ends up sent, kept or refused, and none twice where none was lost on the way", async () => {
    const answer = fc.constantFrom<Verdict>(
      { type: "accepted" },
      { type: "retry", code: "KM_COLLECTOR_BUSY", after: 0 },
      { type: "split" },
      { type: "reject", detail: "x" },
      { type: "accepted", refused: [{ index: 0, code: "X" }] },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 23 }), { minLength: 1, maxLength: 8 }),
        fc.array(answer, { maxLength: 12 }),
        async (lists, answers) => {
          const { outbox } = make((_, call) => answers[call - 1] ?? accepted());
          let n = 0;
          for (const count of lists) {
            void outbox.put(lines(count, n));
            n += count;
          }
          const { sent, kept, dropped } = await outbox.flush();
          expect(sent + dropped).toBe(n);
          expect(kept).toBe(0);
          expectBalance(outbox.stats());
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("the verdict on an HTTP answer", () => {
  const now = Date.UTC(2026, 0, 1);
  it.each([
    [200, "accepted"],
    [204, "accepted"],
    [413, "split"],
    [400, "reject"],
    [410, "reject"],
    [422, "reject"],
  ])("%i: %s", (status, type) => expect(verdict(status, undefined, now).type).toBe(type));
  it.each([408, 425, 429, 500, 502, 503, 504])("%i: try again", (status) =>
    expect(verdict(status, undefined, now)).toMatchObject({ type: "retry", code: "KM_COLLECTOR_BUSY" }),
  );
  it.each([401, 403])("%i: keep everything, the key is wrong", (status) =>
    expect(verdict(status, undefined, now)).toMatchObject({ type: "retry", code: "KM_KEY_REFUSED" }),
  );
  it.each([301, 404, 405, 421])("%i: keep everything, the address is wrong", (status) =>
    expect(verdict(status, undefined, now)).toMatchObject({ type: "retry", code: "KM_COLLECTOR_UNREACHABLE" }),
  );
  it.each([
    ["2", 2000],
    ["0", 0],
    ["999999999", 300_000],
    [new Date(now + 7000).toUTCString(), 7000],
    [new Date(now - 7000).toUTCString(), 0],
    ["soon", undefined],
    ["-3", undefined],
  ])("Retry-After: %s", (value, after) => {
    const word = verdict(429, value, now) as { after?: number };
    if (after === undefined) expect(word.after ?? 0).toBeLessThanOrEqual(300_000);
    else expect(word.after).toBe(after);
  });
});

describe("what is printed", () => {
  it("neither breaks the line nor moves the cursor, whatever a stranger wrote", () => {
    const printed: string[] = [];
    const { report } = createReporter({ development: true, print: (text) => printed.push(text) });
    report(new KmError("KM_IDENTITY_JUNK", "\u001b[31m\n12:00 FAKE \u202e\u2028"));
    expect(printed).toEqual([expect.stringMatching(/\(\?\[31m\?12:00 FAKE \?\?\)$/)]);
  });
});

describe("the transport to a collector", () => {
  it("keeps everything when the url is none, and says what is wrong with it", async () => {
    const errors: KmError[] = [];
    const transport = httpTransport({ url: "127.0.0.1:8787", key: "k", gzip: streamGzip, post: () => Promise.reject(new Error("never")) });
    const outbox = createOutbox(memoryStorage(), transport, limits, (error) => errors.push(error));
    await outbox.put(lines(1));
    expect(await outbox.flush(20)).toEqual({ sent: 0, kept: 1, dropped: 0 });
    expect(errors.map(({ code }) => code)).toEqual(["KM_URL_INVALID"]);
  });

  it("sends the outbox's own bytes, gzipped when it pays, and tells the refused lines", async () => {
    const seen: { headers: Record<string, string>; body: Uint8Array<ArrayBuffer> }[] = [];
    const transport = httpTransport({
      url: "http://km.example/",
      key: "k",
      gzip: streamGzip,
      post: async (url, headers, body) => {
        expect(url).toBe("http://km.example/v1/commands");
        seen.push({ headers, body });
        return { status: 200, retryAfter: undefined, text: '{"accepted":1,"rejected":[{"index":0,"code":"KM_NAME_EMPTY","message":"m"}]}' };
      },
    });
    const outbox = createOutbox(memoryStorage(), transport, { ...limits, batchCommands: 100, batchBytes: 1 << 20 }, () => {});
    await outbox.put(lines(2));
    await outbox.flush();
    await outbox.put(lines(100));
    expect(await outbox.flush()).toEqual({ sent: 99, kept: 0, dropped: 1 });
    expect(new TextDecoder().decode(seen[0]?.body)).toBe(`${lines(2).join("\n")}\n`);
    expect(seen[0]?.headers).toEqual({ authorization: "Bearer k", "content-type": "application/x-ndjson" });
    expect(seen[1]?.headers["content-encoding"]).toBe("gzip");
    const plain = await new Response(new Blob([seen[1]?.body ?? ""]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    expect(plain).toBe(`${lines(100).join("\n")}\n`);
  });

  it("sends plain text where the platform has no compression", async () => {
    vi.stubGlobal("CompressionStream", undefined);
    onTestFinished(() => void vi.unstubAllGlobals());
    const seen: { headers: Record<string, string>; text: string }[] = [];
    const post: Post = async (_, headers, body) => {
      seen.push({ headers, text: new TextDecoder().decode(body) });
      return { status: 200, retryAfter: undefined, text: "" };
    };
    const transport = httpTransport({ url: "http://km.example", key: "k", gzip: streamGzip, post });
    const outbox = createOutbox(memoryStorage(), transport, { ...limits, batchCommands: 100, batchBytes: 1 << 20 }, () => {});
    await outbox.put(lines(100));
    await outbox.flush();
    expect(seen).toEqual([
      { headers: { authorization: "Bearer k", "content-type": "application/x-ndjson" }, text: `${lines(100).join("\n")}\n` },
    ]);
  });
});
