import { randomBytes } from "node:crypto";
import { type FileHandle, link, open, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import { KmError } from "@kmkit/core";
import { type KeyEntry, keyFileText, readKeyFile } from "./keyfile.ts";

/** How long a lock is somebody's, in ms: a change takes a few, so one that is older was left behind by a process that died. */
const ABANDONED = 5000;
/** How long to wait for a lock, in ms. */
const PATIENCE = 15_000;

/** What a change makes of the keys, and what it has to tell. */
export interface Change<T> {
  readonly keys: readonly KeyEntry[];
  readonly result: T;
}

/**
 * Changes the file of keys so that it is at every moment, also after a crash, the one before or the one after, and that of several processes that
 * change it at once none undoes what another one did. `change` may be called more than once. Throws KM_KEYS_LOCKED, KM_KEYS_UNWRITABLE, KM_KEYS_BROKEN.
 */
export async function changeKeys<T>(file: string, change: (keys: readonly KeyEntry[] | undefined) => Change<T>): Promise<T> {
  const lock = `${file.replace(/\.json$/, "")}.lock`;
  const latest = performance.now() + PATIENCE;
  for (;;) {
    const token = await unwritable(take(lock));
    try {
      if (token !== undefined) {
        const { keys, result } = change(readKeyFile(file));
        if (await replace(file, keyFileText(keys), async () => (await contentOf(lock)) === token)) return result;
      }
    } finally {
      if (token !== undefined && (await contentOf(lock)) === token) await unlink(lock).catch(() => {});
    }
    if (performance.now() > latest) throw new KmError("KM_KEYS_LOCKED", lock);
    await setTimeout(10 + 20 * Math.random());
  }
}

/** Takes a lock that is free or abandoned; undefined while it is another's. The lock is there with its content or not at all. */
async function take(lock: string): Promise<string | undefined> {
  const token = randomBytes(12).toString("hex");
  const mine = `${lock}.${token}`;
  try {
    await writeFile(mine, token, { flag: "wx", mode: 0o600 });
    await link(mine, lock);
    return token;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
  } finally {
    await unlink(mine).catch(() => {});
  }
  const held = await contentOf(lock);
  const { mtimeMs = Date.now() } = (await stat(lock).catch(() => undefined)) ?? {};
  if (Math.abs(Date.now() - mtimeMs) > ABANDONED) await clear(lock, held);
  return undefined;
}

/** Takes an abandoned lock away; should it be another one by now, gives it back. */
async function clear(lock: string, held: string | undefined): Promise<void> {
  const aside = `${lock}.${randomBytes(12).toString("hex")}`;
  try {
    await rename(lock, aside);
  } catch {
    return;
  }
  // Where a third process has taken its place, the second one sees that before it writes.
  if ((await contentOf(aside)) !== held) await link(aside, lock).catch(() => {});
  await unlink(aside).catch(() => {});
}

/** Puts a text in a file's place, on the disk too; unless `still` says at the last moment that it must not. */
async function replace(file: string, text: string, still: () => Promise<boolean>): Promise<boolean> {
  const next = `${file}.${randomBytes(6).toString("hex")}`;
  const done = await unwritable(
    (async () => {
      try {
        // Whoever runs the command as root must not make a file that the collector cannot read: it would not see a key revoked.
        await writeNew(next, text, (await ownerOf(file)) ?? (await ownerOf(dirname(file))));
        if (!(await still())) return false;
        await rename(next, file);
        return true;
      } finally {
        await unlink(next).catch(() => {});
      }
    })(),
  );
  if (done) await syncDirectory(dirname(file));
  return done;
}

/** A new file, readable by its owner only, and on the disk. */
async function writeNew(path: string, text: string, owner: Owner | undefined): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    if (owner !== undefined && process.getuid?.() === 0) await file.chown(owner.uid, owner.gid);
    await file.sync();
  } finally {
    await file.close();
  }
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

function ownerOf(path: string): Promise<Owner | undefined> {
  return stat(path).catch(() => undefined);
}

function contentOf(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}

/** Some file systems cannot; what was done counts at once in any case. */
async function syncDirectory(directory: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(directory, "r");
    await handle.sync();
  } catch (cause) {
    if (!["EINVAL", "ENOTSUP", "EPERM"].includes((cause as NodeJS.ErrnoException).code ?? "")) throw cause;
  } finally {
    await handle?.close();
  }
}

async function unwritable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new KmError("KM_KEYS_UNWRITABLE", (cause as Error).message, cause);
  }
}
