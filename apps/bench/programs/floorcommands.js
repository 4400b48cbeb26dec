// What a receiver costs at the least: parse each line, look at its id, append the body to a file. `node floorcommands.js DIRECTORY` tells its port
// over IPC.
import { open } from "node:fs/promises";
import { join } from "node:path";
import { serve } from "@hono/node-server";
import { Hono } from "hono";

const file = await open(join(process.argv[2] ?? "", "commands.ndjson"), "a");
const app = new Hono();
app.post("/v1/commands", async (context) => {
  const body = await context.req.text();
  let accepted = 0;
  for (const line of body.split("\n")) {
    if (line === "") continue;
    const { id } = JSON.parse(line);
    if (typeof id === "string" && id.length === 36) accepted += 1;
  }
  await file.appendFile(body);
  return context.json({ accepted, rejected: [] });
});
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => process.send?.({ port }));
process.on("disconnect", () => process.exit(0));
