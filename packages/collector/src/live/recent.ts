/** How many commands each of the two halves remembers. */
const MOST = 30_000;

/** The commands that were shown a while ago, so that a client's retry of one is not shown again. */
export class Recent {
  private young = new Set<string>();
  private old = new Set<string>();

  /** Takes it up; false where it was there already. An id counts once a person, so two identities may bear the same. */
  add(product: number, id: string, identity: string): boolean {
    const key = `${product} ${id} ${identity}`;
    if (this.young.has(key) || this.old.has(key)) return false;
    if (this.young.size >= MOST) [this.old, this.young] = [this.young, new Set()];
    this.young.add(key);
    return true;
  }

  clear(): void {
    this.young = new Set();
    this.old = new Set();
  }
}
