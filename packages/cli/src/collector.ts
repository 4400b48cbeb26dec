import { resolve } from "node:path";
import { createCollector, type Key } from "@kmkit/collector";
import { Command, InvalidArgumentError, Option } from "commander";
import { fail } from "./failure.ts";
import { isThisMachine, ownToken } from "./token.ts";

const PORT = 8787;

interface Options {
  port: number;
  host: string;
  data: string;
  key?: string;
  admin?: string;
}

/** `kmkit collector`: receives commands until it is told to end; then it stores what waits. */
export function collector(): Command {
  return (
    new Command("collector")
      .description("Receive commands, keep them, and know people. One process, one directory, no other server.")
      .addOption(new Option("--port <port>", "port to listen on; 0 picks a free one").env("KMKIT_PORT").default(PORT).argParser(port))
      .option("--host <host>", "address to listen on; other than loopback only with a key and --admin", "127.0.0.1")
      .option("--data <directory>", "where data is kept", ".kmkit/data")
      // Not as defaults: the help would show them.
      .addOption(
        new Option(
          "--key <key>",
          "key that senders must have, beside those of kmkit keys (without any: local, open to this machine only)",
        ).env("KMKIT_KEY"),
      )
      .addOption(
        new Option("--admin <token>", "token that readers must have once there is a key (default: kept in the data directory)").env(
          "KMKIT_ADMIN",
        ),
      )
      .action(async (options: Options) => run(options).catch(fail))
  );
}

async function run({ port, host, data, key, admin }: Options): Promise<void> {
  const directory = resolve(data);
  // An empty one is a variable that was left unset.
  const keys: Key[] = key ? [{ key, product: "local", kind: "server" }] : [];
  // Its own token only when there are keys, the first of which may come at any time.
  const own = admin || !isThisMachine(host) ? undefined : () => ownToken(directory);
  const token = admin || (own && (() => own().token));
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
    const file = running.open ? undefined : own?.().file;
    const address = await running.listen({ port, host });
    if (file !== undefined) process.stdout.write(`admin token for reading: in ${file}\n`);
    process.stdout.write(`kmkit collector ready on http://${host.includes(":") ? `[${host}]` : host}:${address.port}\n`);
  } catch (error) {
    await running.close();
    fail(error);
  }
}

function port(text: string): number {
  if (text === "") return PORT;
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 65_535) throw new InvalidArgumentError("a port is a number from 0 to 65535.");
  return number;
}
