import * as vitest from "vitest";
import type { Mount } from "./mount.ts";

/** Registers the tests of a suite, and leaves out those that an adapter cannot pass, with the reason in the title. */
export class Suite {
  readonly mount: Mount;
  private readonly skip: ReadonlyMap<string, string>;
  private readonly titles = new Set<string>();

  constructor(mount: Mount, skip: Readonly<Record<string, string>>) {
    this.mount = mount;
    this.skip = new Map(Object.entries(skip));
  }

  readonly describe = (title: string, body: () => void): void => {
    const reason = this.reason(title);
    if (reason === undefined) vitest.describe(title, body);
    else vitest.describe.skip(`${title} [skipped: ${reason}]`, body);
  };

  readonly it = (title: string, work: () => Promise<unknown>): void => {
    const reason = this.reason(title);
    if (reason === undefined) vitest.it(title, async () => void (await work()));
    else vitest.it.skip(`${title} [skipped: ${reason}]`, () => {});
  };

  /** The last test: a skip whose title is no longer there hides nothing, so it must go. */
  close(): void {
    vitest.it("every skip names a test or a group, and has a reason", () => {
      vitest.expect([...this.skip.keys()].filter((title) => !this.titles.has(title))).toEqual([]);
      vitest.expect([...this.skip.values()].filter((reason) => reason.trim().length < 10)).toEqual([]);
    });
  }

  private reason(title: string): string | undefined {
    this.titles.add(title);
    return this.skip.get(title);
  }
}
