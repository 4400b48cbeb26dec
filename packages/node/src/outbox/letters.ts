import { appendFile, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DeadLetter } from "@kmkit/core";

/** How many dead letters are kept. */
const MOST = 1000;

/** The dead letters of a directory: one JSON object a line, the oldest first. Only whoever sends writes them. */
export class Letters {
  private readonly path: string;
  private count: number | undefined;

  constructor(directory: string) {
    this.path = join(/* turbopackIgnore: true */ directory, "letters.ndjson");
  }

  async add(letters: readonly DeadLetter[]): Promise<void> {
    await appendFile(this.path, `${letters.map((letter) => JSON.stringify(letter)).join("\n")}\n`, { mode: 0o600 });
    this.count = (this.count ?? (await this.lines()).length - letters.length) + letters.length;
    // Not at each one: it is written anew when there are twice as many.
    if (this.count < 2 * MOST) return;
    const kept = (await this.lines()).slice(-MOST);
    await writeFile(`${this.path}.part`, `${kept.join("\n")}\n`, { mode: 0o600 });
    await rename(`${this.path}.part`, this.path);
    this.count = kept.length;
  }

  private async lines(): Promise<string[]> {
    return (await readFile(this.path, "utf8").catch(() => "")).split("\n").filter((line) => line !== "");
  }
}
