import { Client } from "./client.ts";
import type { Command } from "./command.ts";
import type { KmError } from "./errors.ts";
import type { Outbox } from "./outbox.ts";
import { createReporter } from "./report.ts";

/** What a {@link recorder} has heard. */
export interface Recorder {
  /** Hand this to `km(client)`. */
  readonly client: Client;
  /** The commands so far, in the order in which they would have been sent. A request's come when its response is over. */
  readonly commands: Command[];
  /** What would have been reported. */
  readonly errors: KmError[];
  /** Forget both. */
  clear(): void;
}

/**
 * For your own tests: a client that collects the commands and touches neither network nor disk. Test programs count as visitors.
 *
 * @example
 * const { client, commands } = recorder();
 * app.use(km(client));
 * await request(app).post("/signup");
 * expect(commands).toMatchObject([{ type: "record", name: "Signed Up" }]);
 */
export function recorder(): Recorder {
  const commands: Command[] = [];
  const errors: KmError[] = [];
  const refused: Record<string, number> = {};
  let recorded = 0;
  const put = async (lines: readonly string[]) => {
    recorded += lines.length;
    for (const line of lines) commands.push(JSON.parse(line) as Command);
    return undefined;
  };
  const flushed = async () => ({ sent: recorded, kept: 0, dropped: 0 });
  const reporter = createReporter({ onError: (error) => errors.push(error), development: true, print: () => {} });
  const outbox: Outbox = {
    durable: false,
    put,
    spill: () => {},
    refuse: (error, count) => {
      refused[error.code] = (refused[error.code] ?? 0) + count;
      reporter.report(error);
    },
    flush: flushed,
    safe: async () => {},
    close: flushed,
    stats: () => ({
      recorded,
      found: 0,
      sent: recorded,
      handed: 0,
      kept: 0,
      keptBytes: 0,
      refused: { ...refused },
      durable: false,
      fault: undefined,
    }),
  };
  return {
    client: new Client(outbox, reporter, "local", false),
    commands,
    errors,
    clear: () => {
      commands.length = 0;
      errors.length = 0;
    },
  };
}
