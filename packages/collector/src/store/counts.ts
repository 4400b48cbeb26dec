import { copiesSql } from "./copies.ts";
import type { Engine } from "./engine.ts";

/**
 * How many commands are stored, each id once a person. The rows are counted by FINAL, which knows a row stored twice by its key; copies at
 * other places are taken off after. Those are looked for only among the ids that the app gave, and the column that marks them is next to
 * nothing to read: a store without any pays no more than that.
 */
export async function countCommands(engine: Engine): Promise<number> {
  const [all] = await engine.query<{ n: string }>("SELECT toString(count()) AS n FROM km.commands FINAL", {}, "report");
  const products = await engine.query<{ p: number }>("SELECT DISTINCT product AS p FROM km.commands WHERE own = 1", {}, "report");
  let commands = Number(all?.n ?? 0);
  for (const { p } of products) {
    const [copies] = await engine.query<{ n: string }>(`SELECT toString(count()) AS n FROM (${copiesSql("own = 1")})`, { p }, "report");
    commands -= Number(copies?.n ?? 0);
  }
  return commands;
}
