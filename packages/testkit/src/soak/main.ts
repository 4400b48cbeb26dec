import { parseArgs } from "node:util";
import { type FaultKind, kinds, plan } from "./plan.ts";
import { type Sample, Soak } from "./soak.ts";

const usage = `npm run soak -- [--minutes=30] [--rate=2000] [--seed=N] [--without=disk,hang]
An Express app and a collector under load with random faults; at the end what is stored is held against what was answered.
Faults: ${kinds.join(", ")}.`;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    rate: { type: "string", default: "2000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    without: { type: "string", default: "" },
    help: { type: "boolean", default: false },
  },
});

/** Below this length memory says nothing about the next hours, in ms. */
const LONG_ENOUGH = 300_000;

/** Whether the memory of the last third is no more than that of the second: 25 % and 30 MB are noise. */
function isFlat(samples: readonly Sample[], of: (sample: Sample) => number): boolean {
  const third = samples.length / 3;
  const most = (part: readonly Sample[]) => part.reduce((peak, sample) => Math.max(peak, of(sample) || 0), 0);
  return most(samples.slice(2 * third)) <= most(samples.slice(third, 2 * third)) * 1.25 + 30;
}

async function main(): Promise<number> {
  const ms = Number(values.minutes) * 60_000;
  const [rate, seed] = [Number(values.rate), Number(values.seed)];
  const without = values.without.split(",").filter((kind) => kind !== "");
  const unknown = without.filter((kind) => !kinds.includes(kind as FaultKind));
  if (values.help || unknown.length > 0 || !(ms > 0) || !(rate > 0) || Number.isNaN(seed)) {
    console.error(usage);
    return 2;
  }
  console.log(`soak: ${values.minutes} minutes, ${rate} requests a second, --seed=${seed}`);
  const soak = new Soak((text) => console.log(text));
  try {
    await soak.run(
      plan(
        seed,
        ms,
        kinds.filter((kind) => !without.includes(kind)),
      ),
      ms,
      rate,
    );
    const { answered, excused, stored, missing, twice } = soak.requests.compare(await soak.settle());
    const lost = Math.max(0, missing.length - soak.refused);
    const peak = (of: (sample: Sample) => number) => Math.max(0, ...soak.samples.map(of).filter((one) => !Number.isNaN(one)));
    const flat = ms < LONG_ENOUGH || (isFlat(soak.samples, ({ app }) => app) && isFlat(soak.samples, ({ collector }) => collector));
    const rows: [string, string | number][] = [
      ["faults", [...soak.done].map(([kind, count]) => `${kind} ${count}`).join(", ")],
      ["requests sent", soak.requests.asked],
      ["answered", answered],
      ["stored", stored],
      ["answered within 50 ms of a kill, and gone", excused],
      ["refused, and reported", soak.refused],
      ["lost", lost],
      ["stored twice", twice.length],
      ["app died by itself", soak.deaths.length],
      ["memory of the app, peak MB", peak(({ app }) => app).toFixed(0)],
      ["memory of the collector, peak MB", peak(({ collector }) => collector).toFixed(0)],
      ["memory flat", ms < LONG_ENOUGH ? "too short to tell" : flat ? "yes" : "no"],
    ];
    const width = Math.max(...rows.map(([name]) => name.length));
    for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`);
    if (lost > 0) console.log(`missing, such as: ${missing.slice(0, 10)}`);
    return lost > 0 || twice.length > 0 || soak.deaths.length > 0 || !flat ? 1 : 0;
  } finally {
    await soak.close();
  }
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
