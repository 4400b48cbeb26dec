import { Command } from "commander";
import { collector } from "./collector.ts";
import { keys } from "./keys.ts";
import { outbox } from "./outbox.ts";
import { person } from "./person.ts";
import { tail } from "./tail.ts";

const program = new Command("kmkit")
  .description(
    "People analytics on your own machine: a collector that receives commands, and a look at the people it knows and at what comes in.",
  )
  .version("0.1.0")
  .showHelpAfterError("(kmkit --help shows what there is)")
  .addHelpText(
    "after",
    `
Examples:
  $ npx kmkit collector                     receive commands on http://127.0.0.1:8787, keep them in .kmkit/data
  $ npx kmkit person bob@bob.com            who is bob, and what did he do?
  $ npx kmkit tail --event "Signed Up"      what comes in, from now on
  $ npx kmkit keys list                     who may send to it?
  $ npx kmkit outbox                        what waits to be sent from here, and why?

Exit codes: 0 done; 1 it failed, and says why; 2 the call's words are off; 3 nobody was ever seen under that identity.`,
  )
  // Commander's own exit code for wrong words is 1, which here means that something failed.
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

// `kmkit person bob@bob.com | head` closes the pipe when it has enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

for (const command of [collector, person, tail]) program.addCommand(command().copyInheritedSettings(program));
program.addCommand(outbox(program));
program.addCommand(keys(program));
await program.parseAsync();
