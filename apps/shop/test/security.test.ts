import { expect, test } from "vitest";
import { localPath } from "../src/security.ts";

test("only a path of the shop is a way back", () => {
  for (const path of [
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "/.//evil.example",
    "/x/..//evil.example",
    "javascript:alert(1)",
    "http:evil",
    "",
    7,
    undefined,
  ]) {
    expect(localPath(path), String(path)).toBe("/");
  }
  expect(localPath("/checkout?a=1")).toBe("/checkout?a=1");
});
