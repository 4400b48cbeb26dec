import { access, constants, mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { KmError } from "@kmkit/core";
import type { Session } from "chdb";
import { bind } from "./bind.ts";
import type { Engine, Lane, Params } from "./engine.ts";
import { connectionArgs, limits } from "./limits.ts";

interface Queue {
  run<T>(work: (session: Session) => Promise<T>): Promise<T>;
  idle(): Promise<void>;
  release(): void;
}

/** One call in flight a session: each holds a thread of libuv's four, which the outbox and the file system need as well. */
function queue(session: Session): Queue {
  let tail: Promise<unknown> = Promise.resolve();
  let clean = true;
  /**
   * chDB 3.4 keeps what a failed statement had already put out (a timeout, a memory limit) and gives it out in front of the *next* result:
   * one person's rows in another's answer. So after a failure nothing is asked before an empty run has come out as it should.
   */
  const rinse = async (): Promise<void> => {
    for (let attempt = 0; attempt < 3 && !clean; attempt++) {
      clean = (await session.queryAsync("SELECT 1", { format: "TSV" })).bytes().length === 2;
    }
    if (!clean) throw new Error("the session gives out rows that nobody asked for");
  };
  const turn = async <T>(work: (session: Session) => Promise<T>): Promise<T> => {
    await rinse();
    clean = false;
    const result = await work(session);
    clean = true;
    return result;
  };
  return {
    run(work) {
      const result = tail.then(() => turn(work));
      tail = result.catch(() => {});
      return result;
    },
    async idle() {
      await tail;
    },
    release: () => session.close(),
  };
}

/** One row after the other: all of a block's at once would be as much memory again, several times. */
function* parsed<Row>(bytes: Uint8Array): Generator<Row, void, undefined> {
  const text = new TextDecoder();
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at);
    const line = text.decode(bytes.subarray(at, end < 0 ? undefined : end));
    if (line !== "") yield JSON.parse(line) as Row;
    at = end < 0 ? bytes.length : end + 1;
  }
}

async function load(): Promise<typeof import("chdb")> {
  try {
    return await import("chdb");
  } catch (cause) {
    throw new KmError("KM_STORE_MISSING", "run: npm install chdb", cause);
  }
}

/** chDB writes its reason to stderr only, so whether another process has the directory is read from the file the engine leaves in it. */
async function holder(directory: string): Promise<string | undefined> {
  const status = await readFile(join(directory, "status"), "utf8").catch(() => "");
  const pid = Number(/^PID: (\d+)/.exec(status)?.[1] ?? 0);
  if (pid === 0) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return undefined;
  }
  return `process ${pid}`;
}

/** What a statement failed of: a row refused for its content is told by the row's number, which the engine names for nothing else. */
function fault(cause: unknown): KmError {
  if (cause instanceof KmError) return cause;
  const { failedAtRow, message } = cause as { failedAtRow?: number; message?: string };
  const reason = (message ?? String(cause)).replace(/\bCode: \d+\. DB::Exception: /g, "").slice(0, 300);
  return failedAtRow === undefined
    ? new KmError("KM_INTERNAL", `store: ${reason}`, cause)
    : new KmError("KM_REJECTED", `row ${failedAtRow}: ${reason}`, cause);
}

/**
 * Opens chDB (ClickHouse in this process) on a directory, which is made if need be. chDB is an optional dependency, loaded here:
 * without it KM_STORE_MISSING. Another process on the directory gives KM_STORE_LOCKED, anything else that hinders KM_STORE_BROKEN.
 * A process can have one directory open at a time; close the one before opening another.
 *
 * @example
 * const engine = await openChdb(".kmkit/data");
 */
export async function openChdb(directory: string): Promise<Engine> {
  const { Session, drainPending } = await load();
  const path = resolve(directory);
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new KmError("KM_STORE_BROKEN", path, cause);
  }

  const lanes = {} as Record<Lane, Queue>;
  const streams = new Set<Session>();
  const release = async (): Promise<void> => {
    for (const session of streams) session.close();
    for (const lane of Object.values(lanes)) lane.release();
    // close() lets go of the directory a moment later; whoever opens the next one must not come before that.
    await drainPending();
  };
  try {
    for (const lane of ["write", "quick", "report"] as const) {
      lanes[lane] = queue(new Session(path, { connectionArgs }));
      for (const sql of limits[lane]) await lanes[lane].run((session) => session.queryAsync(sql));
    }
  } catch (cause) {
    const first = lanes.write === undefined;
    await release();
    const other = first ? await holder(path) : undefined;
    throw other === undefined ? new KmError("KM_STORE_BROKEN", path, cause) : new KmError("KM_STORE_LOCKED", `${path}, ${other}`, cause);
  }

  let closing: Promise<void> | undefined;
  const run = async <T>(lane: Lane, work: (session: Session) => Promise<T>): Promise<T> => {
    if (closing) throw new KmError("KM_INTERNAL", "store: it is closed");
    try {
      return await lanes[lane].run(work);
    } catch (error) {
      throw fault(error);
    }
  };
  const select = async (lane: Lane, sql: string, params: Params, format: string): Promise<Uint8Array> => {
    const filled = bind(sql, params);
    const result = await run(lane, (session) => session.queryAsync(filled, { format }));
    return result.bytes();
  };

  /** In a session of its own, so that a slow reader keeps nobody waiting; its calls take their turns with the reports, lest there be too many. */
  async function* stream<Row>(sql: string, params: Params = {}): AsyncGenerator<Iterable<Row>, void, undefined> {
    const filled = bind(sql, params);
    const session = await run("report", async () => new Session(path, { connectionArgs }));
    streams.add(session);
    try {
      for (const limit of limits.stream) await run("report", () => session.queryAsync(limit));
      const chunks = await run("report", async () => session.queryStream(filled)[Symbol.asyncIterator]());
      for (;;) {
        const { done, value } = await run("report", () => chunks.next());
        if (done) return;
        yield parsed<Row>(value.raw());
      }
    } finally {
      streams.delete(session);
      session.close();
    }
  }

  return {
    query: async <Row>(sql: string, params: Params = {}, lane: Lane = "quick") => [
      ...parsed<Row>(await select(lane, sql, params, "JSONEachRow")),
    ],
    stream,
    binary: (sql, params = {}, lane = "quick") => select(lane, sql, params, "RowBinary"),
    async insert(table, columns, ndjson) {
      // async_insert would acknowledge rows that are not in yet.
      const settings = { async_insert: 0 };
      await run("write", (session) => session.insert({ table, columns, values: ndjson, format: "JSONEachRow", settings }));
    },
    async command(sql) {
      await run("write", (session) => session.queryAsync(sql));
    },
    close() {
      closing ??= Promise.all(Object.values(lanes).map((lane) => lane.idle())).then(release);
      return closing;
    },
  };
}
