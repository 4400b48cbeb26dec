import { describe } from "vitest";
import { membersSuite } from "./members.ts";
import type { Build, Ways } from "./opened.ts";
import { pagesSuite } from "./pages.ts";
import { recordsSuite } from "./records.ts";

/**
 * What every one of the shops must do, whatever framework it stands on.
 *
 * @example
 * shopSuite((client) => createShop({ km: client }));
 */
export function shopSuite(build: Build, ways?: Ways): void {
  describe("what it shows", () => pagesSuite(build, ways));
  describe("whom it lets in", () => membersSuite(build, ways));
  describe("what it records", () => recordsSuite(build, ways));
}
