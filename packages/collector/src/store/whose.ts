import { isAnonymous } from "@kmkit/core";
import type { Engine } from "./engine.ts";

/** Most identities of a person that are told. */
const MOST_IDENTITIES = 10_000;

/** The person that an identity is tied to, as the store knows it. */
export interface Tied {
  /** The same for all identities of a person, until a further alias joins two of them. */
  readonly person: string;
  /** The identity that people know the person by: named before anonymous, then the one with the earliest command. */
  readonly best: string;
  /** The time of its earliest command, in ms since the epoch; undefined where it is known from aliases only. */
  readonly first: number | undefined;
}

// Every member of a person of several identities stands in an alias. The forms are those of core's `isAnonymous`.
const anonymous = "^([0-9a-f]{8}-[0-9a-f]{4}-[57][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|[A-Za-z0-9+/]{27}=)$";

const labelsSql = `SELECT identity, toString(person) AS person FROM
  (SELECT arrayJoin({names:Array(String)}) AS identity, sipHash64(identity) AS who) AS asked
  INNER JOIN (SELECT who, min(people.person) AS person FROM km.people
    WHERE product = {p:UInt32} AND who IN (SELECT sipHash64(arrayJoin({names:Array(String)}))) GROUP BY who) AS known USING (who)`;

const theirs = "SELECT DISTINCT who FROM km.members WHERE product = {p:UInt32} AND members.person IN {persons:Array(UInt64)}";

const namesSql = `SELECT toString(person) AS person, identity, first FROM
  (SELECT DISTINCT members.person AS person, who FROM km.members
    WHERE product = {p:UInt32} AND members.person IN {persons:Array(UInt64)}) AS member
  INNER JOIN (SELECT a AS who, any(aliases.identity) AS identity FROM km.aliases
    WHERE product = {p:UInt32} AND a IN (${theirs}) GROUP BY a) AS named USING (who)
  LEFT JOIN (SELECT identities.identity AS identity, toUnixTimestamp64Milli(min(identities.first)) AS first FROM km.identities
    WHERE product = {p:UInt32} AND identities.identity IN
      (SELECT aliases.identity FROM km.aliases WHERE product = {p:UInt32} AND a IN (${theirs})) GROUP BY identity) AS seen USING (identity)`;

const bestSql = `${namesSql} ORDER BY match(identity, {anonymous:String}), first = 0, first, identity LIMIT 1 BY person`;
const allSql = `${namesSql} ORDER BY first = 0, first, identity LIMIT ${MOST_IDENTITIES}`;

interface Named {
  readonly person: string;
  readonly identity: string;
  readonly first: number;
}

async function labels(engine: Engine, product: number, identities: readonly string[]): Promise<Map<string, string>> {
  if (identities.length === 0) return new Map();
  const rows = await engine.query<{ identity: string; person: string }>(labelsSql, { p: product, names: identities });
  return new Map(rows.map((row) => [row.identity, row.person]));
}

/** Whose some identities are: those that are tied to others. Who is not in it is a person of his own. */
export async function readTied(engine: Engine, product: number, identities: readonly string[]): Promise<Map<string, Tied>> {
  const known = await labels(engine, product, identities);
  if (known.size === 0) return new Map();
  const rows = await engine.query<Named>(bestSql, { p: product, persons: [...new Set(known.values())], anonymous });
  const best = new Map(rows.map((row) => [row.person, row]));
  const tied = new Map<string, Tied>();
  for (const [identity, person] of known) {
    const named = best.get(person);
    if (named !== undefined) tied.set(identity, { person, best: named.identity, first: named.first === 0 ? undefined : named.first });
  }
  return tied;
}

/** All identities that are tied to one of these, them included; of more than 10,000 those with the earliest commands. */
export async function readIdentities(engine: Engine, product: number, identities: readonly string[]): Promise<Set<string>> {
  const known = await labels(engine, product, identities);
  if (known.size === 0) return new Set(identities);
  const rows = await engine.query<Named>(allSql, { p: product, persons: [...new Set(known.values())] });
  return new Set([...identities, ...rows.map((row) => row.identity)]);
}

/** Whether of two identities the first is the one that people know a person by. */
export function isBetter(a: Pick<Tied, "best" | "first">, b: Pick<Tied, "best" | "first">): boolean {
  const anonymous = Number(isAnonymous(a.best)) - Number(isAnonymous(b.best));
  if (anonymous !== 0) return anonymous < 0;
  const [first, other] = [a.first ?? Number.POSITIVE_INFINITY, b.first ?? Number.POSITIVE_INFINITY];
  return first === other ? a.best < b.best : first < other;
}
