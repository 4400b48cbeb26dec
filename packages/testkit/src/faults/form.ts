/** Whether the long forms run, with the full sizes of the targets: `npm run faults` sets `KM_FAULTS=long`. */
export const long: boolean = process.env.KM_FAULTS === "long";

/** A size in the short form of a fault run, and in the long one. */
export function sized<T>(short: T, full: T): T {
  return long ? full : short;
}

/** ms of a clock that all processes of this machine share and that nobody sets. */
export function monotonic(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until something is so; rejects after `ms` with what it was instead. */
export async function until(what: string, is: () => boolean | Promise<boolean>, ms: number, seen: () => unknown = () => ""): Promise<void> {
  const end = performance.now() + ms;
  while (!(await is())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what} ${JSON.stringify(seen())}`);
    await pause(20);
  }
}
