import { resolve } from "node:path";
import { createCollector, type Key } from "@kmkit/collector";
import { Command, InvalidArgumentError } from "commander";
import { fail } from "./failure.ts";
import { ownToken } from "./token.ts";

interface Options {
  port: number;
  host: string;
  data: string;
  key?: string;
  admin?: string;
}

/** `kmkit collector`: receives commands until it is told to end; then it stores what waits. */
export function collector(): Command {
  return new Command("collector")
    .description("Receive commands, keep them, and know people. One process, one directory, no other server.")
    .option("--port <port>", "port to listen on; 0 picks a free one", port, Number(process.env.KMKIT_PORT ?? 8787))
    .option("--host <host>", "address to listen on; other than loopback only with --key and --admin", "127.0.0.1")
    .option("--data <directory>", "where data is kept", ".kmkit/data")
    .option("--key <key>", "key that senders must have (default: local, open to this machine only; or KMKIT_KEY)", process.env.KMKIT_KEY)
    .option(
      "--admin <token>",
      "token that readers must have once there is a key (default: kept in the data directory; or KMKIT_ADMIN)",
      process.env.KMKIT_ADMIN,
    )
    .action(async (options: Options) => run(options).catch(fail));
}

async function run({ port, host, data, key, admin }: Options): Promise<void> {
  const directory = resolve(data);
  const keys: Key[] = key === undefined || key === "" ? [] : [{ key, product: "local", kind: "server" }];
  const own = keys.length > 0 && admin === undefined && isThisMachine(host) ? ownToken(directory) : undefined;
  const token = admin ?? own?.token;
  const running = await createCollector({ directory, keys, ...(token === undefined ? {} : { admin: token }) });
  let ending = false;
  const end = () => {
    // The second Ctrl-C means now; what is acknowledged is on disk in any case.
    if (ending) process.exit(1);
    ending = true;
    running.close().then(() => process.exit(0), fail);
  };
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
  try {
    const address = await running.listen({ port, host });
    if (own !== undefined) process.stdout.write(`admin token for reading: in ${own.file}\n`);
    process.stdout.write(`kmkit collector ready on http://${host.includes(":") ? `[${host}]` : host}:${address.port}\n`);
  } catch (error) {
    await running.close();
    fail(error);
  }
}

function isThisMachine(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function port(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 65_535) throw new InvalidArgumentError("a port is a number from 0 to 65535.");
  return number;
}
