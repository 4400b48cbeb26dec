import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKm } from "@kmkit/node";
import { adapterSuite, openShop } from "@kmkit/testkit";
import { expect, it, onTestFinished } from "vitest";
import { startNext } from "./mount.ts";
import { platform } from "./platform.ts";
import { onNode } from "./skips.ts";
import { thrown } from "./thrown.ts";

const mount = await startNext("nodejs");

adapterSuite("Next 16, route handlers on Node", mount, { skip: onNode });

thrown(mount, {});

platform(mount, (url) => {
  const outbox = mkdtempSync(join(tmpdir(), "kmkit-next-"));
  const client = createKm({ url, key: "k", outbox, onError: () => {} });
  onTestFinished(async () => {
    await client.close(1);
    rmSync(outbox, { recursive: true, force: true });
  });
  return client;
});

it("a route that is made once for everybody has nobody in it", async () => {
  const shop = await openShop(mount, { routes: [] });
  const answer = await shop.browser().page("/still");
  expect([answer.status, JSON.parse(answer.text), answer.cookies]).toEqual([200, { identity: "" }, []]);
});
