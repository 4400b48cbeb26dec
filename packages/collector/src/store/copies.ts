import type { Engine } from "./engine.ts";
import { hashes, labels, members, smaller } from "./link.ts";

/** How the line of a record begins whose id the app gave: only such a command can come again with another time or identity. */
const mark = '{"type":"record","own":1,';

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Where a command stands: of the copies of an id that one person has, the one with the smallest time, then the smallest `who`, counts. */
interface Place {
  readonly time: number;
  readonly who: string;
}

interface Own {
  readonly line: string;
  readonly product: number;
  readonly time: number;
  readonly id: string;
  readonly identity: string;
}

/** A line that is not as it should be is left to the insert, which refuses it by its number. */
function own(line: string): Own | undefined {
  if (!line.startsWith(mark)) return undefined;
  try {
    const { product, time, id, identity } = JSON.parse(line) as Omit<Own, "line">;
    const whole = Number.isInteger(product) && product >= 0 && product <= 0xffff_ffff && Number.isSafeInteger(time);
    if (!whole || typeof identity !== "string" || !uuid.test(id)) return undefined;
    return { line, product, time, id: id.toLowerCase(), identity };
  } catch {
    return undefined;
  }
}

function better(a: Place, b: Place): boolean {
  if (a.time !== b.time) return a.time < b.time;
  return a.who !== b.who && smaller(a.who, b.who) === a.who;
}

const storedSql = `SELECT toString(id) AS id, toUnixTimestamp64Milli(time) AS time, toString(who) AS who FROM km.commands
  WHERE product = {p:UInt32} AND who IN {whos:Array(UInt64)} AND type = 'record' AND id IN (SELECT toUUID(arrayJoin({ids:Array(String)})))`;

interface StoredRow extends Place {
  readonly id: string;
}

/** The lines of one product that a better copy makes needless. */
async function worseOf(engine: Engine, product: number, commands: readonly Own[]): Promise<Own[]> {
  const whos = await hashes(engine, new Set(commands.map((one) => one.identity)));
  const persons = await labels(engine, product, [...new Set(whos.values())]);
  const theirs = await members(engine, product, [...new Set(persons.values())]);
  for (const row of theirs) persons.set(row.node, row.person);
  const ids = [...new Set(commands.map((one) => one.id))];
  const every = [...new Set([...whos.values(), ...persons.keys()])];
  const stored = await engine.query<StoredRow>(storedSql, { p: product, whos: every, ids }, "write");

  const key = (id: string, who: string): string => `${id} ${persons.get(who) ?? who}`;
  const best = new Map<string, { place: Place; command?: Own }>();
  for (const { id, time, who } of stored) {
    const at = key(id, who);
    const place = { time: Number(time), who };
    const known = best.get(at);
    if (known === undefined || better(place, known.place)) best.set(at, { place });
  }
  const worse: Own[] = [];
  for (const command of commands) {
    const place = { time: command.time, who: whos.get(command.identity) as string };
    const at = key(command.id, place.who);
    const known = best.get(at);
    if (known === undefined || better(place, known.place)) {
      if (known?.command) worse.push(known.command);
      best.set(at, { place, command });
    } else if (known.command || better(known.place, place)) worse.push(command);
    // A copy that is stored just so is inserted again, as with every other retry: the views may have missed it in a crash. Merging drops it.
    else best.set(at, { place, command });
  }
  return worse;
}

/**
 * The lines without those records that are copies of a better one, stored already or among the lines: an id that the app gave counts once
 * a person, whatever time and identity its retries have. Lines without the mark cost nothing but a look at how they begin.
 *
 * A stored copy that turns out to be the worse one stays where it is. Readers choose among the copies of an id anyway (two identities may
 * become one person long after each has stored its own), so deleting it would change no answer, while even a lightweight DELETE is a
 * mutation of every part it may touch and holds up the inserts behind it. For the same reason two writes at one moment that do not see
 * each other's copies, or a crash between the look and the insert, do no harm.
 */
export async function withoutCopies(engine: Engine, lines: readonly string[]): Promise<readonly string[]> {
  const products = new Map<number, Own[]>();
  for (const line of lines) {
    const command = own(line);
    if (command === undefined) continue;
    const list = products.get(command.product);
    if (list) list.push(command);
    else products.set(command.product, [command]);
  }
  if (products.size === 0) return lines;
  const worse = new Map<string, number>();
  for (const [product, commands] of products) {
    for (const { line } of await worseOf(engine, product, commands)) worse.set(line, (worse.get(line) ?? 0) + 1);
  }
  return lines.filter((line) => {
    const left = worse.get(line) ?? 0;
    if (left > 0) worse.set(line, left - 1);
    return left === 0;
  });
}
