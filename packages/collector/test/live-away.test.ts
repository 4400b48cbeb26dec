import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KmError, mintAnonymous } from "@kmkit/core";
import { expect, it } from "vitest";
import { collectorOn, limits } from "../src/collector.ts";
import { openChdb } from "../src/store/chdb.ts";
import { alias, get, ndjson, post, record, somebody } from "./collector-fixture.ts";
import { listen } from "./live-fixture.ts";

it("goes on while the store is away, says so, and ends all streams at once when the collector does, also those of stuck readers", async () => {
  let away = true;
  const gone = () => Promise.reject(new KmError("KM_INTERNAL", "away"));
  const directory = await mkdtemp(join(tmpdir(), "kmkit-live-"));
  const open = async (path: string) => {
    const real = await openChdb(path);
    return {
      ...real,
      insert: (...given: Parameters<typeof real.insert>) => (away ? gone() : real.insert(...given)),
      query: <Row>(...given: Parameters<typeof real.query>) =>
        away && given[2] === undefined && opened ? gone() : real.query<Row>(...given),
    };
  };
  let opened = false;
  const collector = await collectorOn({ directory, onError: () => {} }, { open, limits });
  opened = true;
  let ending: Promise<void> | undefined;
  const close = () => {
    ending ??= collector.close();
    return ending;
  };
  try {
    const { port } = await collector.listen({ port: 0, host: "127.0.0.1" });
    const url = `http://127.0.0.1:${port}`;
    const bob = somebody("bob");
    const [before, one] = [mintAnonymous(), mintAnonymous()];
    await post(url, ndjson(alias(before, bob)));
    const { command } = await listen(url);
    const his = await listen(url, `?person=${encodeURIComponent(bob)}`);
    await post(url, ndjson(record(before, "From before")));
    // That alias came when nobody looked on, and the store does not have it yet.
    expect((await command("From before")).person).toEqual({ identity: before, anonymous: true, behind: true });
    await post(url, ndjson(alias(one, bob), record(one, "Known by its alias")));
    expect((await command("Known by its alias")).person).toEqual({ identity: bob, anonymous: false, behind: true });
    await his.command("Known by its alias");
    away = false;
    while ((await get(`${url}/v1/status`)).json.waiting > 0);
    let person = { behind: true };
    for (let n = 0; person.behind; n++) {
      await post(url, ndjson(record(before, `Back ${n} of ${before}`)));
      person = (await command(`Back ${n} of`)).person as typeof person;
    }
    expect(person).toEqual({ identity: bob, anonymous: false });
    // Whose identities are his was asked before that command, perhaps in vain.
    await post(url, ndjson(record(before, "Known by the store")));
    await his.command("Known by the store");

    const stuck = net.connect(port, "127.0.0.1");
    stuck.on("error", () => {});
    stuck.write("GET /v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await new Promise((resolve) => stuck.once("readable", resolve));
    const text = "x".repeat(8000);
    for (let n = 0; n < 6; n++) await post(url, ndjson(...Array.from({ length: 150 }, (_, at) => record(bob, `${n}-${at}`, { text }))));
    await command("5-149");
    const cut = new Promise((resolve) => stuck.once("close", resolve));
    const closing = close();
    const end = await his.find(({ event }) => event === "end");
    expect(end.data).toEqual({ code: "KM_COLLECTOR_CLOSING", message: expect.any(String) });
    await his.ended;
    stuck.resume();
    await Promise.all([cut, closing]);
  } finally {
    await close();
    await rm(directory, { recursive: true, force: true });
  }
});
