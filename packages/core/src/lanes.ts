import type { Command } from "./command.ts";

/**
 * Parts commands by person: those of one lane must keep their order, those of different lanes need not. The two identities of an alias are one
 * person, as are those that further aliases among these commands tie to them.
 *
 * @example
 * lanesOf([byAnn, byBob, alsoByAnn]); // [[byAnn, alsoByAnn], [byBob]]
 */
export function lanesOf<C extends Command>(commands: readonly C[]): C[][] {
  const people = new People();
  for (const command of commands) if (command.type === "alias") people.tie(command.identity, command.alias);
  const lanes = new Map<string, C[]>();
  for (const command of commands) {
    const person = people.of(command.identity);
    const lane = lanes.get(person);
    if (lane === undefined) lanes.set(person, [command]);
    else lane.push(command);
  }
  return [...lanes.values()];
}

/** Identities that are tied, as trees: each person goes by the identity at the root. */
class People {
  private readonly above = new Map<string, string>();

  of(identity: string): string {
    let root = identity;
    for (let next = this.above.get(root); next !== undefined; next = this.above.get(root)) root = next;
    // Straight to the root the next time: a long row of aliases would be climbed again and again.
    for (let at = identity; at !== root; ) {
      const next = this.above.get(at) as string;
      this.above.set(at, root);
      at = next;
    }
    return root;
  }

  tie(a: string, b: string): void {
    const [one, other] = [this.of(a), this.of(b)];
    if (one !== other) this.above.set(one, other);
  }
}
