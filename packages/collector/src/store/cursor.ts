import { KmError } from "@kmkit/core";

/** Where a page of events ended: the time (ms) and the id of its last event. */
export interface Cursor {
  readonly time: number;
  readonly id: string;
}

const form = /^(-?\d{1,15})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** The opaque text of a cursor. */
export function encodeCursor(cursor: Cursor): string {
  return Buffer.from(`${cursor.time}.${cursor.id}`).toString("base64url");
}

/** Reads what {@link encodeCursor} wrote; anything else throws KM_CURSOR_INVALID. */
export function decodeCursor(text: string): Cursor {
  const [, time, id] = form.exec(Buffer.from(text, "base64url").toString()) ?? [];
  const cursor = time === undefined || id === undefined ? undefined : { time: Number(time), id };
  // Decoding forgives stray characters; encoding again does not.
  if (cursor === undefined || encodeCursor(cursor) !== text) throw new KmError("KM_CURSOR_INVALID", text.slice(0, 80));
  return cursor;
}
