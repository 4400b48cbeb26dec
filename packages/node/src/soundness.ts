import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** lmdb's magic number, and where it and what follows stand in the first two pages (`MDB_meta` behind a page header of 24 bytes). */
const MAGIC = 0xbeefc0de;
const [META, PAGE_SIZE, LAST_PAGE, LENGTH] = [24, 24 + 24, 24 + 120, 24 + 136] as const;

/**
 * Whether a data file looks like a whole lmdb file: lmdb maps it into memory and believes what stands there, so that a file of noise or one that
 * was cut off ends the process with a segmentation fault instead of an error.
 */
export function isSound(file: string): boolean {
  // Another process may be making or growing it at this moment: what looks broken is looked at again before it is called so.
  for (let tries = 0; tries < 5; tries += 1) {
    if (looksWhole(file)) return true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  return false;
}

function looksWhole(file: string): boolean {
  const handle = openSync(file, "r");
  try {
    const first = metaAt(handle, 0);
    const second = first && metaAt(handle, first.pageSize);
    // After the pages have been read: the file only grows.
    const { size } = fstatSync(handle);
    if (size === 0) return true;
    // The older of the two may speak of fewer pages; the file must hold those of the newer.
    return first !== undefined && second !== undefined && size >= (Math.max(first.lastPage, second.lastPage) + 1) * first.pageSize;
  } finally {
    closeSync(handle);
  }
}

function metaAt(handle: number, position: number): { pageSize: number; lastPage: number } | undefined {
  const page = Buffer.alloc(LENGTH);
  if (readSync(handle, page, 0, LENGTH, position) < LENGTH || page.readUInt32LE(META) !== MAGIC) return undefined;
  const pageSize = page.readUInt32LE(PAGE_SIZE);
  const lastPage = Number(page.readBigUInt64LE(LAST_PAGE));
  return pageSize >= 512 && pageSize <= 65_536 ? { pageSize, lastPage } : undefined;
}
