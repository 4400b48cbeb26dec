import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Child, type Launch, launch } from "./child.ts";

const usage = `npm start -- [options]      the collector and the shop, together

  --port 3000              where the shop listens; 0 picks a free port
  --collector-port 8787    where the collector listens; 0 picks a free port
  --data .kmkit/data       where the collector keeps what it received
  --help                   this text`;

const options = readOptions();
const running: Child[] = [];
let ending = false;

process.on("SIGINT", interrupted).on("SIGTERM", interrupted);

const collector = await start("collector", {
  script: fileURLToPath(new URL("dist/main.js", import.meta.resolve("kmkit/package.json"))),
  args: ["collector", "--port", options["collector-port"], "--data", resolve(options.data)],
});
const shop = await start("shop", {
  script: fileURLToPath(new URL("server.js", import.meta.url)),
  args: ["--port", options.port],
  env: { KMKIT_URL: collector, KMKIT_OUTBOX: resolve(".kmkit/outbox") },
});
console.log(welcome(shop, collector));

/** Starts a child and answers where it listens. If it ends, now or later, without having been asked to, everything ends. */
async function start(name: string, what: Launch): Promise<string> {
  const child = launch(what);
  running.unshift(child);
  const url = await child.url;
  if (url === undefined)
    return end(1, `The ${name} did not start, so nothing is running. Ports are chosen with --port (the shop) and --collector-port.`);
  void child.exited.then(() => end(1, `The ${name} ended unexpectedly, so everything ends.`));
  return url;
}

/** Ends the youngest first: the shop hands its last commands to a collector that is still there. Whoever asks second waits for the first. */
async function end(code: number, reason?: string): Promise<never> {
  if (ending) return new Promise(() => {});
  ending = true;
  if (reason !== undefined) console.error(`\n${reason}`);
  for (const child of running) await child.end();
  process.exit(code);
}

function interrupted(): void {
  if (ending) {
    for (const child of running) child.kill();
    process.exit(130);
  }
  console.log("\nEnding. Ctrl-C once more ends at once.");
  void end(0);
}

function welcome(shop: string, collector: string): string {
  const person = `npx kmkit person bob@bob.com${collector.endsWith(":8787") ? "" : ` --url ${collector}`}`;
  return `
  The shop       ${shop}
  The collector  ${collector}

  1. Look around, put a lamp in the cart, sign up as bob@bob.com, and pay.
  2. ${person}

  Ctrl-C ends both. Nothing is lost.
`;
}

function readOptions(): { port: string; "collector-port": string; data: string } {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: "string", default: "3000" },
        "collector-port": { type: "string", default: "8787" },
        data: { type: "string", default: ".kmkit/data" },
        help: { type: "boolean" },
      },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    return values;
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exit(1);
  }
}
