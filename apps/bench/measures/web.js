import { once } from "node:events";
import { get } from "node:http";
import { arrived, directory, sleep, start, startSink } from "../harness/children.js";
import { APP_CORE, REST_CORE } from "../harness/machine.js";
import { sized } from "../harness/row.js";
import { median } from "../harness/statistics.js";

/** @typedef {import("../harness/row.js").Run} Run */
/** A web app under load. @typedef {{ url: string, report(): Promise<any>, end(): Promise<unknown>, log?(): string, ending?(): string | undefined, sink: import("../harness/children.js").Sink }} Web */
/** One stretch of load. @typedef {{ us: number, perSecond: number, failed: number, recorded: number, share: number }} Stretch */

/** What a program sends that is no browser. */
export const plain = { accept: "*/*", cookie: "seen=3f2a9c7d1b; theme=dark; sid=s%3Aabc.def" };
const navigation = {
  "sec-ch-ua": '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
  "sec-ch-ua-mobile": "?0",
  "sec-ch-ua-platform": '"Linux"',
  "upgrade-insecure-requests": "1",
  "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
  accept: "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
  "sec-fetch-site": "same-origin",
  "sec-fetch-mode": "navigate",
  "sec-fetch-user": "?1",
  "sec-fetch-dest": "document",
  referer: "http://127.0.0.1/lamps",
  "accept-encoding": "gzip, deflate, br, zstd",
  "accept-language": "en-GB,en;q=0.9,de;q=0.8",
};

/** What a browser sends that was here before: its navigation headers, and the cookies that our middleware gave it. @param {string} url */
export async function browser(url) {
  // Not by fetch, which writes some of these headers itself.
  const [answer] = /** @type {[import("node:http").IncomingMessage]} */ (
    await once(get(url, { agent: false, headers: { ...navigation, cookie: plain.cookie } }), "response")
  );
  answer.resume();
  const given = (answer.headers["set-cookie"] ?? []).map((line) => line.slice(0, line.indexOf(";")));
  if (!given.some((pair) => pair.startsWith("km_ai="))) throw new Error(`no cookie of ours from ${url}`);
  return { ...navigation, cookie: [plain.cookie, ...given].join("; ") };
}

/** @param {string} framework @param {string} what @param {{ dir?: string, before?: string[] }} [how] @returns {Promise<Web>} */
export async function startWeb(framework, what, { dir = directory(), before = [] } = {}) {
  const sink = await startSink(["bare", "noop"].includes(what) ? "noop" : what === "silent" ? "km" : what, { core: REST_CORE });
  await sink.lazy();
  const child = start("web.js", [framework, what, sink.url, dir], { core: APP_CORE, before });
  const { port } = await child.ready;
  return {
    url: `http://127.0.0.1:${port}/`,
    sink,
    report: () => child.ask("report"),
    log: child.log,
    ending: () => child.end && (child.end.signal ?? `exit code ${child.end.code}`),
    end: () => Promise.all([child.kill(), sink.stop()]),
  };
}

/** What makes the load. */
export async function startLoad() {
  const child = start("webload.js", [], { core: REST_CORE });
  await child.ready;
  return {
    /** @param {string} url @param {number} ms @param {Record<string, string>} headers @param {number} [connections] @returns {Promise<{ answered: number, failed: number, ms: number }>} */
    run: (url, ms, headers, connections = 32) => child.ask("load", { url, ms, headers, connections }),
    end: () => child.kill(),
  };
}

/**
 * As much load as one app takes, for so long; its CPU counts until what it recorded is received, or has not come for a while.
 *
 * @param {Web} web @param {Awaited<ReturnType<typeof startLoad>>} load @param {number} ms @param {Record<string, string>} headers @returns {Promise<Stretch>}
 */
async function stretch(web, load, ms, headers) {
  const before = await web.report();
  const { answered, failed, ms: took } = await load.run(web.url, ms, headers);
  const { seq = 0 } = await web.report();
  const recorded = seq - (before.seq ?? 0);
  let share = 1;
  if (recorded > 0) {
    const { received } = await arrived(web.sink, { from: before.seq, to: seq, quiet: 1500, most: 5000 });
    share = received / recorded;
  } else await sleep(50);
  const after = await web.report();
  return { us: (after.cpu - before.cpu) / answered, perSecond: answered / (took / 1000), failed, recorded, share };
}

/**
 * Apps that live side by side, each of them under load for a stretch in turn, so that whatever else happens on the machine meets all of them. Fresh
 * processes every round.
 *
 * @param {Run} run
 * @param {Record<string, { open: () => Promise<Web>, headers?: (web: Web) => Promise<Record<string, string>> | Record<string, string> }>} apps
 * @param {{ stretches: number, ms: number, warm: number }} plan
 */
export async function alternate(run, apps, { stretches, ms, warm }) {
  /** @type {Record<string, Stretch[]>} */
  const results = Object.fromEntries(Object.keys(apps).map((name) => [name, []]));
  for (let round = 0; round < run.rounds; round++) {
    await run.turn.take();
    const load = await startLoad();
    /** @type {{ name: string, web: Web, headers: Record<string, string> }[]} */
    const open = [];
    try {
      for (const [name, app] of Object.entries(apps)) {
        const web = await app.open();
        /** @type {(typeof open)[number]} */
        const one = { name, web, headers: plain };
        open.push(one);
        one.headers = (await app.headers?.(web)) ?? plain;
        await stretch(web, load, warm, one.headers);
      }
      for (let turn = 0; turn < stretches; turn++) {
        for (const { name, web, headers } of turn % 2 === 0 ? open : open.toReversed()) {
          results[name]?.push(await stretch(web, load, ms, headers));
        }
      }
    } finally {
      await Promise.all([...open.map(({ web }) => web.end()), load.end()]);
    }
  }
  await run.turn.release();
  return results;
}

/**
 * What each stretch of an app came to over that of another one in the same turn: what the machine did just then has met both. Over the other's
 * median where they had no turns in common.
 *
 * @param {Record<string, Stretch[]>} measured @param {string} app @param {string} base @param {(us: number, base: number) => number} compare @param {(one: Stretch) => number} pick
 */
export function beside(measured, app, base, compare, pick) {
  const [own, other] = [measured[app] ?? [], (measured[base] ?? []).map(pick)];
  const middle = median(other);
  return own.map((one, turn) => compare(pick(one), (own.length === other.length ? other[turn] : undefined) ?? middle));
}

/** CPU of a request over that of another app, in µs. @param {Record<string, Stretch[]>} measured @param {string} app @param {string} base */
export const cpuOver = (measured, app, base) =>
  beside(
    measured,
    app,
    base,
    (us, less) => us - less,
    ({ us }) => us,
  );

/** How long and how often, by the size of the run. @param {Run} run */
export const plan = (run) => ({ stretches: sized(run, 4, 3, 1), ms: sized(run, 1000, 700, 200), warm: sized(run, 2000, 1500, 200) });
