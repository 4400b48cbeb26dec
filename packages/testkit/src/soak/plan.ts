/** A fault of a soak: what happens, when (ms after the start), and for how long. */
export interface Fault {
  readonly kind: FaultKind;
  readonly at: number;
  readonly ms: number;
}

export const kinds = ["kill-app", "kill-collector", "hang", "500", "reset", "lost-reply", "slow", "disk"] as const;
export type FaultKind = (typeof kinds)[number];

/** Random numbers from 0 to 1 that a seed determines (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The faults of a soak, from its seed: one after the other, with pauses between them, and often two at once, above all while the disk is full. But
 * then the app is not killed: what it has counted as refused would go with it, and nobody could tell a refusal from a loss.
 */
export function plan(seed: number, ms: number, allowed: readonly FaultKind[]): Fault[] {
  const random = randomFrom(seed);
  const pick = (from: readonly FaultKind[]) => from[Math.floor(random() * from.length)] as FaultKind;
  const faults: Fault[] = [];
  for (let at = 1500 + random() * 1500; ; ) {
    const length = 500 + random() * Math.min(12_000, ms / 8);
    if (at + length > ms - 1000) return faults;
    const kind = pick(allowed);
    faults.push({ kind, at, ms: length });
    const beside = allowed.filter((one) => one !== kind && (kind === "disk" ? one !== "kill-app" : one.startsWith("kill-")));
    if (random() < (kind === "disk" ? 2 / 3 : 1 / 3) && !kind.startsWith("kill-") && beside.length > 0) {
      const after = random() * length;
      faults.push({ kind: pick(beside), at: at + after, ms: random() * (length - after) });
    }
    at += length + 300 + random() * 4000;
  }
}
