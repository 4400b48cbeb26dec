import { Batch, type Entry, entryOf } from "./batch.ts";
import { KmError, type Report } from "./errors.ts";
import type { Transport } from "./outbox.ts";
import type { DeadLetter } from "./storage.ts";
import { quietTimer } from "./timer.ts";
import type { Verdict } from "./verdict.ts";

/** The verdict that makes a batch wait. */
export type Wait = Verdict & { type: "retry" };

/** What a batch is carried with. */
export interface Carriage {
  readonly transport: Transport;
  /** How long the transport may take, in ms. */
  readonly timeout: number;
  /** Aborts when the outbox is closed: what is under way then waits for the next start. */
  readonly closing: AbortSignal;
  readonly report: Report;
  /** Takes the lines that were refused for good. */
  readonly letters: DeadLetter[];
}

/** Hands entries to the transport, in halves where it asks for that. Returns the verdict that makes them wait, or undefined when all is done. */
export async function carry(entries: readonly Entry[], carriage: Carriage): Promise<Wait | undefined> {
  const batch = new Batch(entries);
  const verdict = await ask(batch, carriage);
  if (verdict.type === "retry") return verdict;
  if (verdict.type === "split" && batch.length > 1) {
    const { lines } = batch;
    const middle = lines.length >> 1;
    // Should the second half have to wait, both are sent again: ids make that harmless.
    return (await carry([entryOf(lines.slice(0, middle))], carriage)) ?? (await carry([entryOf(lines.slice(middle))], carriage));
  }
  const refusals =
    verdict.type === "accepted"
      ? (verdict.refused ?? [])
      : batch.lines.map((_, index) => ({
          index,
          ...(verdict.type === "split" ? { code: "KM_COMMAND_TOO_LARGE" } : { code: "KM_REJECTED", message: verdict.detail }),
        }));
  if (refusals.length > 0) setAside(batch, refusals, carriage);
  return undefined;
}

function setAside(
  batch: Batch,
  refusals: readonly { index: number; code: string; message?: string }[],
  { letters, report }: Carriage,
): void {
  const { lines } = batch;
  for (const { index, code, message = "" } of refusals) {
    const line = lines[index];
    if (line !== undefined) letters.push({ line, code, detail: message, time: Date.now() });
  }
  const [first] = refusals;
  report(new KmError("KM_REJECTED", `${refusals.length} of ${lines.length}, first ${first?.code} ${first?.message ?? ""}`.trim()));
}

/** Asks the transport, but not longer than its time: one that does not heed the signal must not stop delivery for ever. */
async function ask(batch: Batch, { transport, timeout, closing, report }: Carriage): Promise<Verdict> {
  if (closing.aborted) return { type: "retry", code: "KM_COLLECTOR_UNREACHABLE", detail: "the outbox was closed" };
  const abort = new AbortController();
  let end = () => {};
  let stop = () => {};
  const late = new Promise<Verdict>((resolve) => {
    const giveUp = (detail: string) => {
      resolve({ type: "retry", code: "KM_COLLECTOR_UNREACHABLE", detail });
      abort.abort(new Error(detail));
    };
    stop = quietTimer(() => giveUp(`no answer within ${timeout} ms`), timeout);
    end = () => giveUp("the outbox was closed");
    closing.addEventListener("abort", end);
  });
  try {
    return await Promise.race([transport(batch, abort.signal, report), late]);
  } catch (cause) {
    return { type: "retry", code: "KM_COLLECTOR_UNREACHABLE", detail: cause instanceof Error ? cause.message : String(cause) };
  } finally {
    stop();
    closing.removeEventListener("abort", end);
  }
}
