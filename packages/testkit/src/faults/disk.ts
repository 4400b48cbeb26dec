import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A small disk of its own (a tmpfs), which can be filled, and made read-only. Needs the right to mount. */
export class SmallDisk {
  readonly path: string;
  private readonly ballast: string;

  private constructor(path: string) {
    this.path = path;
    this.ballast = join(path, "ballast");
  }

  /** Undefined where nothing may be mounted. With `at`, mounts there instead of on a new directory. */
  static make(megabytes: number, at?: string): SmallDisk | undefined {
    const path = at ?? mkdtempSync(join(tmpdir(), "kmkit-disk-"));
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "kmkit-test", path], { stdio: "pipe" });
    } catch {
      if (at === undefined) rmSync(path, { recursive: true });
      return undefined;
    }
    return new SmallDisk(path);
  }

  /** Leaves room for nothing. */
  fill(): void {
    for (const size of [1 << 20, 4096, 1]) {
      const piece = Buffer.alloc(size);
      try {
        for (;;) appendFileSync(this.ballast, piece);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    }
  }

  free(): void {
    writeFileSync(this.ballast, "");
  }

  /** Fails while somebody has a file open for writing. */
  readOnly(): void {
    execFileSync("mount", ["-o", "remount,ro", this.path], { stdio: "pipe" });
  }

  writable(): void {
    execFileSync("mount", ["-o", "remount,rw", this.path], { stdio: "pipe" });
  }

  unmount(): void {
    execFileSync("umount", ["-l", this.path], { stdio: "pipe" });
  }

  remove(): void {
    this.unmount();
    rmSync(this.path, { recursive: true });
  }
}

/** How large a file of a running process may grow, in bytes: where nothing may be mounted, this is as good as a full disk to it. */
export function limitFiles(pid: number, bytes: number | "unlimited"): void {
  execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:unlimited`], { stdio: "pipe" });
}
