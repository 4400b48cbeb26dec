import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startReceiver } from "@kmkit/testkit";
import { expect, it, onTestFinished, vi } from "vitest";
import { createKm, outboxChannels } from "../src/index.ts";

it("tells of faults, batches and refusals by diagnostics_channel", async () => {
  const receiver = await startReceiver();
  const outbox = mkdtempSync(join(tmpdir(), "kmkit-channels-"));
  const told: { name: string; message: Record<string, unknown> }[] = [];
  const listen = (message: unknown, name: string | symbol) => {
    const own = message as Record<string, unknown>;
    if (own.outbox === outbox) told.push({ name: String(name), message: own });
  };
  for (const name of Object.values(outboxChannels)) subscribe(name, listen);
  onTestFinished(async () => {
    for (const name of Object.values(outboxChannels)) unsubscribe(name, listen);
    await receiver.close();
    rmSync(outbox, { recursive: true, force: true });
  });
  const of = (name: string) => told.filter((one) => one.name === name).map(({ message }) => message);

  receiver.mode("status:503");
  const client = createKm({ url: receiver.url, key: "k", outbox, onError: () => {} });
  for (const name of ["One", "Two", "Three"]) client.as("bob@bob.com").record(name);
  await vi.waitFor(() => expect(of(outboxChannels.fault).length).toBeGreaterThan(0), 10_000);
  expect(of(outboxChannels.fault)[0]).toMatchObject({ outbox, code: expect.stringMatching(/^KM_COLLECTOR_/) });
  expect(of(outboxChannels.sent)).toEqual([]);

  receiver.mode("partial:KM_NAME_EMPTY");
  expect(await client.close()).toEqual({ sent: 2, kept: 0, dropped: 1 });
  expect(of(outboxChannels.sent)).toEqual([{ outbox, commands: 2, bytes: expect.any(Number), ms: expect.any(Number) }]);
  expect(of(outboxChannels.refused)).toEqual([{ outbox, code: "KM_NAME_EMPTY", count: 1 }]);

  client.as("bob@bob.com").record("Too Late");
  await vi.waitFor(() => expect(of(outboxChannels.refused)).toContainEqual({ outbox, code: "KM_CLIENT_CLOSED", count: 1 }));
});
