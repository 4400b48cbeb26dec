import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Child, startCollector, temporary } from "./cli-fixture.ts";

interface Batch {
  readonly number: number;
  readonly body: string;
}

/** Each batch is of another visitor, who turns out to be bob; every record has a number of its own. */
function makeBatch(number: number): Batch {
  const visitor = `visitor-${number}`;
  const lines = Array.from({ length: 20 }, (_, n) =>
    JSON.stringify({
      type: "record",
      id: randomUUID(),
      time: Date.now(),
      identity: visitor,
      name: `Step ${n % 3}`,
      properties: { n: `${number}/${n}` },
    }),
  );
  lines.push(JSON.stringify({ type: "alias", id: randomUUID(), time: Date.now(), identity: visitor, alias: "bob" }));
  return { number, body: lines.join("\n") };
}

async function post(url: string, { body }: Batch): Promise<boolean> {
  try {
    const response = await fetch(`${url}/v1/commands`, { method: "POST", body, headers: { authorization: "Bearer local" } });
    return response.ok && ((await response.json()) as { accepted: number }).accepted === 21;
  } catch {
    return false;
  }
}

describe("kill -9 in mid-load", () => {
  it("loses nothing that was acknowledged and stores nothing twice, five times over", async () => {
    const data = await temporary();
    const acknowledged = new Set<number>();
    let unsure: Batch[] = [];
    let next = 0;
    for (let round = 0; round < 5; round++) {
      const running: Child = await startCollector(["--data", data]);
      // What nobody confirmed is sent again, as an outbox does.
      for (const batch of unsure) if (await post(running.url, batch)) acknowledged.add(batch.number);
      unsure = [];
      // The first look after a start shows what was acknowledged before the crash.
      const earlier = [...acknowledged].at(-1);
      if (earlier !== undefined) {
        const seen = await fetch(`${running.url}/v1/people/visitor-${earlier}`);
        expect([earlier, seen.status]).toEqual([earlier, 200]);
      }
      const goal = acknowledged.size + 40 + 25 * round;
      let dead: Promise<unknown> | undefined;
      const send = async (): Promise<void> => {
        while (dead === undefined) {
          const batch = makeBatch(next++);
          if (await post(running.url, batch)) acknowledged.add(batch.number);
          else unsure.push(batch);
          if (acknowledged.size >= goal) dead ??= running.signal("SIGKILL");
        }
      };
      await Promise.all([send(), send(), send(), send()]);
      expect(await dead).toMatchObject({ signal: "SIGKILL" });
    }
    const { url } = await startCollector(["--data", data]);
    const lines = (await (await fetch(`${url}/v1/export`)).text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const counts = new Map<string, number>();
    for (const { n } of lines) if (n !== undefined) counts.set(n, (counts.get(n) ?? 0) + 1);
    const wrong = [...acknowledged]
      .flatMap((number) => Array.from({ length: 20 }, (_, n) => `${number}/${n}`))
      .filter((n) => counts.get(n) !== 1);
    expect(wrong).toEqual([]);
    expect([...counts.values()].filter((count) => count !== 1)).toEqual([]);
    // All of them are tied to bob, who never did anything himself.
    const person = (await (await fetch(`${url}/v1/people/visitor-${[...acknowledged][0]}`)).json()) as {
      identities: { identity: string; commands: number }[];
    };
    const visitors = new Map(person.identities.map((one) => [one.identity, one.commands]));
    for (const number of acknowledged) expect([number, visitors.get(`visitor-${number}`)]).toEqual([number, 20]);
  });

  it("shows at the first look after the start what the last process acknowledged a moment before it died", async () => {
    const data = await temporary();
    for (let round = 0; round < 3; round++) {
      const first = await startCollector(["--data", data]);
      const batch = makeBatch(round);
      expect(await post(first.url, batch)).toBe(true);
      await first.signal("SIGKILL");
      const second = await startCollector(["--data", data]);
      const person = (await (await fetch(`${second.url}/v1/people/visitor-${round}`)).json()) as { events?: unknown[] };
      expect(person.events).toHaveLength(20 * (round + 1));
      await second.signal("SIGTERM");
    }
  });
});
