import type { Outbox, OutboxStats } from "@kmkit/core";
import type { Hono } from "hono";
import type { Parts } from "./app.ts";
import type { Store } from "./store/store.ts";

/** How much longer than the last count took another one is put off, while new commands come: counting takes a twentieth of the time at the most. */
const REST = 20;
/** A count that takes less than this, in ms, is not put off. */
const CHEAP = 250;
/** How long a count is good for while nothing is stored, in ms: the check of the people may have put something right. */
const GOOD = 600_000;

/** `GET /v1/status`: what waits, what is stored, and what was refused and why. For those who may read; comes behind that check. */
export function addStatus(app: Hono, { door, live, outbox, store }: Parts): void {
  const count = counter(outbox, store);
  app.get("/v1/status", async (context) => {
    const { stored, counted } = await count();
    const stats = outbox.stats();
    const { kept: waiting, keptBytes: waitingBytes, durable, fault } = stats;
    const { rejected, refused } = door;
    const shown = {
      waiting,
      waitingBytes,
      stored,
      counted,
      rejected,
      refused,
      listeners: live.count,
      setAside: setAside(stats),
      durable,
      fault: fault ?? null,
    };
    return context.json(shown);
  });
}

interface Count {
  readonly stored: number;
  /** When that was, in ms since the epoch. */
  readonly counted: number;
}

/**
 * Counts what is stored. That takes about a second a million commands, and the same again for everybody who asks at the same time: so all of these
 * get one answer, it is good as long as nothing more was handed to the store, and a count that takes long is not begun anew at once. Whoever waits
 * until nothing waits gets a count of then.
 */
function counter(outbox: Outbox, store: Store): () => Promise<Count> {
  let last: (Count & { readonly sent: number; readonly kept: number; readonly took: number }) | undefined;
  let under: Promise<Count> | undefined;
  const anew = async (): Promise<Count> => {
    // Before, lest what comes meanwhile count as looked at.
    const { sent, kept } = outbox.stats();
    const [counted, begun] = [Date.now(), performance.now()];
    const { commands: stored } = await store.counts();
    last = { stored, counted, sent, kept, took: performance.now() - begun };
    return last;
  };
  const isGood = (): boolean => {
    if (last === undefined) return false;
    const { sent, kept } = outbox.stats();
    const age = Date.now() - last.counted;
    if (last.sent === sent) return age < GOOD;
    return last.took >= CHEAP && age < REST * last.took && (kept > 0 || last.kept === 0);
  };
  return () => {
    if (last !== undefined && isGood()) return Promise.resolve(last);
    under ??= anew().finally(() => {
      under = undefined;
    });
    return under;
  };
}

/** Acknowledged and yet not taken by the store. What the outbox could not keep was never acknowledged: the sender still has it. */
export function setAside({ refused }: OutboxStats): number {
  const { KM_OUTBOX_FULL: _full, KM_OUTBOX_UNWRITABLE: _unwritable, KM_CLIENT_CLOSED: _closed, ...letters } = refused;
  return Object.values(letters).reduce((sum, count) => sum + count, 0);
}
