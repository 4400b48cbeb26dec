import type { Engine } from "./engine.ts";

/** How many rows with ids of the app are made a set of at a time: about 130 MB. */
const slice = 2_000_000;

/** What stands at more than one place counts too often by the rows: the difference between places and ids is what to take off. */
const surplusSql = `SELECT toUInt32(uniqExact(product, id, time, who) - uniqExact(product, id)) AS n FROM km.commands
  WHERE own = 1 AND sipHash64(id) % {parts:UInt32} = {part:UInt32}`;

/**
 * How many commands are stored, each id once a product, as in the export. The rows are counted by FINAL, which knows a row stored twice by
 * its key; an id at several places it cannot know, so those are taken off after. They can only be among the ids that the app gave, and
 * the column that marks those is next to nothing to read: a store without any pays no more than that.
 */
export async function countCommands(engine: Engine): Promise<number> {
  const [all] = await engine.query<{ n: string }>("SELECT toString(count()) AS n FROM km.commands FINAL", {}, "report");
  const [own] = await engine.query<{ n: number }>("SELECT toUInt32(count()) AS n FROM km.commands WHERE own = 1", {}, "report");
  let commands = Number(all?.n ?? 0);
  const parts = Math.ceil((own?.n ?? 0) / slice);
  for (let part = 0; part < parts; part++) {
    const [surplus] = await engine.query<{ n: number }>(surplusSql, { parts, part }, "report");
    commands -= surplus?.n ?? 0;
  }
  return commands;
}
