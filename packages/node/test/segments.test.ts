import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SegmentNames } from "../src/outbox/names.ts";
import { newOwner } from "../src/outbox/owner.ts";
import { Segment } from "../src/outbox/segment.ts";
import { Segments } from "../src/outbox/segments.ts";

let directory: string;
let segments: Segments;
let names: SegmentNames;
const lost: string[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kmkit-segments-"));
  lost.length = 0;
  const me = newOwner();
  names = new SegmentNames(me);
  segments = new Segments(directory, me, 1000, (count, detail) => void lost.push(`${count}: ${detail}`));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const lineOf = (bytes: number) => Buffer.from(`${JSON.stringify("x".repeat(bytes - 3))}\n`);
/** A segment in memory alone. */
const segment = (bytes = 100) => new Segment(directory, names.next(), true, { count: 1, bytes }, lineOf(bytes));
/** One that is in its file. */
async function written(bytes?: number): Promise<Segment> {
  const one = segment(bytes);
  await one.persist();
  return one;
}

it("what is in memory alone is known until it is on disk", async () => {
  segments.add(await written());
  expect(segments.unwritten.size).toBe(0);
  segments.add(segment());
  expect(segments.unwritten.size).toBe(1);
  expect(await segments.persist()).toBe(true);
  expect(segments.unwritten.size).toBe(0);
  expect(readdirSync(directory)).toHaveLength(2);
});

it("or until it is sent", async () => {
  segments.add(segment());
  await segments.remove(await segments.head(10, 1000));
  expect(segments.unwritten.size).toBe(0);
  expect(segments).toMatchObject({ commands: 0, bytes: 0 });
});

it("a file that somebody has deleted is in memory alone again, and written anew", async () => {
  const one = await written();
  segments.add(one);
  rmSync(join(directory, one.name as string));
  await segments.look([], performance.now(), true);
  expect(lost).toEqual(["0: files were deleted, and are written anew"]);
  expect(segments.unwritten.size).toBe(1);
  expect(await segments.persist()).toBe(true);
  expect(existsSync(join(directory, one.name as string))).toBe(true);
});

it("a megabyte of what is on disk is held in memory as well, the oldest; the rest is read when its turn comes", async () => {
  const all = await Promise.all(Array.from({ length: 6 }, () => written(300_000)));
  for (const one of all) segments.add(one);
  expect(all.map(({ data }) => data?.length)).toEqual([300_000, 300_000, 300_000, undefined, undefined, undefined]);
  const held = await segments.head(6, 6_000_000);
  expect(held.map(({ bytes }) => bytes.length)).toEqual(Array(6).fill(300_000));
});

it("what is in memory alone is never let go of", () => {
  const all = Array.from({ length: 6 }, () => segment(300_000));
  for (const one of all) segments.add(one);
  expect(all.map(({ data }) => data?.length)).toEqual(Array(6).fill(300_000));
});
