#!/usr/bin/env node
// Repeats every figure: `npm run bench`. See README.md.
import { parseArgs } from "node:util";
import { all } from "./harness/rivals.js";
import { bench } from "./harness/run.js";

const usage = `npm run bench -- [options]

  --quick          fewer and smaller measurements: some minutes instead of three quarters of an hour
  --section=1      one section: 1 cost in the app, 2 nothing is lost, 3 the collector
  --only=id,id     these rows alone; --list names them
  --rounds=3       how often each measurement of section 1 is repeated (quick: 1)
  --peers=a,b      whom to compare with: ${all.join(", ")}, or none
  --out=DIR        where RESULTS.md, results.svg and results.json go; default: this folder, for a whole run only
  --lock=FILE      hold this lock file (flock) while measuring, on a machine where others measure too
  --strict         exit with 1 if a row is not reached or failed`;

try {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      tiny: { type: "boolean", default: false },
      strict: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      section: { type: "string" },
      only: { type: "string" },
      rounds: { type: "string" },
      peers: { type: "string" },
      out: { type: "string" },
      lock: { type: "string" },
    },
  });
  if (values.help) console.log(usage);
  else process.exitCode = await bench(values);
} catch (error) {
  console.error(error instanceof Error && /** @type {{ code?: string }} */ (error).code === undefined ? error : `${error}\n\n${usage}`);
  process.exitCode = 2;
}
