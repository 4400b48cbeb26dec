import { startChild, startReceiver } from "@kmkit/testkit";
import { expect, it } from "vitest";

/** A program in which lmdb cannot be loaded, as where a bundler has left its native part behind. */
const program = `
import { register } from "node:module";
const hooks = "export const resolve = (name, context, next) => { if (name === 'lmdb') throw new Error('no native build'); return next(name, context); }";
register("data:text/javascript," + encodeURIComponent(hooks));
const { createKm } = await import("../dist/index.js");
const codes = [];
const client = createKm({ onError: (error) => codes.push(error.code) });
client.as("bob").record("Seen");
const flushed = await client.flush();
console.log("told", JSON.stringify({ flushed, codes, durable: client.stats().durable }));
`;

it("where lmdb cannot be loaded the memory takes over, says so once, and loses nothing", async () => {
  const receiver = await startReceiver();
  const child = startChild(program, { cwd: import.meta.dirname, env: { KMKIT_URL: receiver.url, NODE_ENV: "production" } });
  try {
    expect(JSON.parse(await child.line("told"))).toEqual({
      flushed: { sent: 1, kept: 0, dropped: 0 },
      codes: ["KM_OUTBOX_MEMORY"],
      durable: false,
    });
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect([receiver.commands.map(({ name }) => name), child.output.error]).toEqual([["Seen"], ""]);
  } finally {
    child.process.kill("SIGKILL");
    await receiver.close();
  }
});
