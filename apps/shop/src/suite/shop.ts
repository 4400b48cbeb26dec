import { describe } from "vitest";
import { membersSuite } from "./members.ts";
import type { Build } from "./opened.ts";
import { pagesSuite } from "./pages.ts";
import { recordsSuite } from "./records.ts";

/**
 * What every one of the shops must do, whatever framework it stands on.
 *
 * @example
 * shopSuite((client) => createShop({ km: client }));
 */
export function shopSuite(build: Build): void {
  describe("what it shows", () => pagesSuite(build));
  describe("whom it lets in", () => membersSuite(build));
  describe("what it records", () => recordsSuite(build));
}
