import { Batch, type Entry, entryOf } from "./batch.ts";
import { type Carriage, carry, type Wait } from "./carriage.ts";
import { KmError } from "./errors.ts";
import type { DeadLetter } from "./storage.ts";

/** After how many failures in a row a batch is looked into: some twenty seconds, or four minutes where the answers speak of the key. */
export const STUCK = 8;
/** The same, where that has already helped: somebody may well send more of the kind. */
export const STUCK_AGAIN = 2;
/** How many commands are tried alone before the receiver is left alone until the next try. */
const SAMPLES = 2;
/** After how many failures in a row it is asked whether it is still well. */
const DOUBT = 10;

/**
 * Carries a batch that has failed again and again, and sets aside the commands for which it does: a firewall that takes what somebody typed for an
 * attack, or a fault of the receiver's own, would otherwise hold up all that comes after one command, for ever. Only a receiver that takes commands
 * of the same batch just before and just after it refused that one, twice, has anything set aside; one that is away, overloaded, or refuses the key,
 * takes none. Returns the verdict that makes the batch wait, or undefined when all is done.
 */
export async function isolate(entries: readonly Entry[], carriage: Carriage): Promise<Wait | undefined> {
  const { lines } = new Batch(entries);
  const control = await findControl(lines, carriage);
  if (typeof control !== "string") return control;
  const suspects = await search(lines, control, carriage);
  if (!Array.isArray(suspects)) return suspects;
  const letters: DeadLetter[] = [];
  for (const line of suspects) {
    const again = await alone(line, carriage);
    if (again.wait === undefined) {
      letters.push(...again.letters);
      continue;
    }
    const { wait } = await alone(control, carriage);
    if (wait !== undefined) return wait;
    const { code, detail = "" } = again.wait;
    letters.push({ line, code: "KM_REJECTED", detail: `others are taken, this one never: ${code} ${detail}`.trim(), time: Date.now() });
  }
  if (letters.length > 0) carriage.report(new KmError("KM_REJECTED", `${letters.length} of ${lines.length}, ${letters[0]?.detail}`));
  carriage.letters.push(...letters);
  return undefined;
}

/** A command that the receiver takes by itself; otherwise what it said. */
async function findControl(lines: readonly string[], carriage: Carriage): Promise<string | Wait> {
  for (let tries = 1; ; tries++) {
    const line = lines[Math.floor(Math.random() * lines.length)] as string;
    const { wait } = await alone(line, carriage);
    if (wait === undefined) return line;
    if (tries === SAMPLES || asks(wait)) return wait;
  }
}

/** Carries all that is taken, by halves, and returns the commands that are not; the verdict, where the receiver takes its control no more. */
async function search(lines: readonly string[], control: string, carriage: Carriage): Promise<string[] | Wait> {
  const suspects: string[] = [];
  let failures = 0;
  const parts = [lines];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const wait = await carry([entryOf(part)], carriage);
    failures = wait === undefined ? 0 : failures + 1;
    if (wait === undefined) continue;
    const unwell = asks(wait) ? wait : part.length === 1 || failures % DOUBT === 0 ? (await alone(control, carriage)).wait : undefined;
    if (unwell !== undefined) return unwell;
    const middle = part.length >> 1;
    if (part.length === 1) suspects.push(...part);
    else parts.push(part.slice(middle), part.slice(0, middle));
  }
  return suspects;
}

/** Tries one command, whose refusal is told to nobody yet. */
async function alone(line: string, carriage: Carriage): Promise<{ wait: Wait | undefined; letters: DeadLetter[] }> {
  const letters: DeadLetter[] = [];
  return { wait: await carry([entryOf([line])], { ...carriage, letters, report: () => {} }), letters };
}

/** The receiver itself wants a pause. */
function asks({ code, after }: Wait): boolean {
  return code === "KM_COLLECTOR_BUSY" && after !== undefined;
}
