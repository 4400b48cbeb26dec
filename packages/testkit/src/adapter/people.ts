import { type Command, derive } from "@kmkit/core";

/** What the companion says where a name has claimed an anonymous identity. */
export const claimOf = (anonymous: string, name: string, key = "local"): string =>
  derive("claim", key, anonymous, name).replaceAll("-", "").slice(0, 12);

/** Commands as one line each: `bob: Viewed Page`, `A = bob`, `bob {"Plan":"Pro"}`. */
export const told = (commands: readonly Command[]): string[] =>
  commands.map((one) => {
    if (one.type === "alias") return `${one.identity} = ${one.alias}`;
    return one.type === "record" ? `${one.identity}: ${one.name}` : `${one.identity} ${JSON.stringify(one.properties)}`;
  });

/** Who is one person by these commands: the identities that aliases tie, each group sorted, people in the order of their first command. */
export function people(commands: readonly Command[]): string[][] {
  const groups: Set<string>[] = [];
  for (const one of commands) {
    const ids = one.type === "alias" ? [one.identity, one.alias] : [one.identity];
    const met = groups.filter((group) => ids.some((id) => group.has(id)));
    const [first = new Set<string>(), ...rest] = met;
    if (met.length === 0) groups.push(first);
    for (const id of [...ids, ...rest.flatMap((group) => [...group])]) first.add(id);
    for (const group of rest) groups.splice(groups.indexOf(group), 1);
  }
  return groups.map((group) => [...group].sort());
}

/** Every order of some things. */
export const orders = <T>(of: readonly T[]): T[][] =>
  of.length < 2 ? [[...of]] : of.flatMap((one, index) => orders(of.toSpliced(index, 1)).map((rest) => [one, ...rest]));
