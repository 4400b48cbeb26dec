import type { Batch } from "./batch.ts";
import type { Wait } from "./carriage.ts";
import { ClassicCalls } from "./classiccall.ts";
import { type Command, parseCommand } from "./command.ts";
import { KmError } from "./errors.ts";
import { lanesOf } from "./lanes.ts";
import type { Transport } from "./outbox.ts";
import { type Answer, type Call, fetchCall } from "./transport.ts";
import { MAX_RETRY_AFTER, type Refusal, type Verdict, verdict } from "./verdict.ts";

/** Where commands go in the classic way. */
export interface KissmetricsOptions {
  /** The product's API key there. Without one commands wait, and you are told (`KM_KEY_REFUSED`). */
  readonly key: string | undefined;
  /** The receiver, without `/e`. Default `https://trk.kissmetrics.io`. */
  readonly url?: string;
}

/** Most calls at a time. */
const CONNECTIONS = 8;
/** Longest address of a GET; what is longer is posted as a form. */
const MOST_URL = 2048;
/** Longest form: what our own collector takes. It answers a longer one with the same picture as ever, and the command would be lost unseen. */
const MOST_FORM = 256 << 10;
/** How long a batch is worked at before what is left of it is asked for anew, in ms: half the time that a client gives a transport. */
const SPELL = 5000;
/** How many commands are remembered as taken, at the least; and at least twice a batch. */
const MEMORY = 2000;

const headers = { "user-agent": "kmkit" };
const formHeaders = { ...headers, "content-type": "application/x-www-form-urlencoded" };

/**
 * Carries commands to KISSmetrics, or to whatever else speaks its classic API, one call a command: `GET /e|/s|/a`, or a POST of a form where the
 * address would exceed 2,048 characters. A person's commands keep their order, different people's go side by side, eight calls at a time. What of a
 * batch was taken is not sent again when the rest is. Where the process dies in between, it is; the receiver knows it by person, name and second.
 *
 * The classic API has seconds and no ids: what a person does twice within a second counts once there. It answers 200 whatever comes, so a wrong key
 * shows only in what is missing; without any key commands wait (`KM_KEY_REFUSED`). A property named as one of the API's own parameters (`_p`, `_t`, …)
 * goes out with one more underscore in front (`KM_PROPERTY_RESERVED`, once a name).
 *
 * @param call how calls are made; on Node take `kissmetricsTransport` of `@kmkit/node`, whose connections keep no process alive.
 *
 * @example
 * const client = createKm({ transport: kissmetricsTransport({ key: "the key of your product" }) });
 */
export function kissmetricsTransport(
  { key, url = "https://trk.kissmetrics.io" }: KissmetricsOptions,
  call: Call = fetchCall((...request) => fetch(...request)),
): Transport {
  const base = url.replace(/\/+$/, "");
  const valid = /^https?:\/\//i.test(url) && URL.canParse(url);
  const calls = new ClassicCalls(key ?? "");
  const known = new Memory();
  return async (batch, signal, report = () => {}) => {
    if (!valid) return { type: "retry", after: MAX_RETRY_AFTER, code: "KM_URL_INVALID", detail: url };
    if (!key) return { type: "retry", after: MAX_RETRY_AFTER, code: "KM_KEY_REFUSED", detail: "no key was given" };
    const send = async (command: Command): Promise<Answer> => {
      const { path, form } = calls.of(command, report);
      if (form.length > MOST_FORM) return { status: 413, retryAfter: undefined, text: "" };
      const address = `${base}${path}?${form}`;
      return address.length <= MOST_URL
        ? call(address, { method: "GET", headers }, signal)
        : call(base + path, { method: "POST", headers: formHeaders, body: new TextEncoder().encode(form) }, signal);
    };
    return new Round(batch, known, send, signal).run();
  };
}

type Numbered = Command & { readonly index: number };
/** What became of a command: taken, or refused for good. */
type Outcome = Omit<Refusal, "index"> | "taken";

/** What became of the last commands, by id: of a batch that is handed over again, those are not sent again. */
class Memory {
  private readonly outcomes = new Map<string, Outcome>();

  get(id: string): Outcome | undefined {
    return this.outcomes.get(id);
  }

  set(id: string, outcome: Outcome, most: number): void {
    this.outcomes.set(id, outcome);
    if (this.outcomes.size > most) this.outcomes.delete(this.outcomes.keys().next().value as string);
  }

  /** That one is asked for again, whatever became of it. */
  forget(id: string): void {
    this.outcomes.delete(id);
  }
}

/** One try to carry a batch. */
class Round {
  private readonly commands: Numbered[] = [];
  private readonly refused: Refusal[] = [];
  private readonly known: Memory;
  private readonly send: (command: Command) => Promise<Answer>;
  private readonly signal: AbortSignal;
  private readonly end = performance.now() + SPELL;
  private fault: Wait | undefined;
  private failures = 0;
  private stopped = false;

  constructor(batch: Batch, known: Memory, send: (command: Command) => Promise<Answer>, signal: AbortSignal) {
    this.known = known;
    this.send = send;
    this.signal = signal;
    for (const [index, line] of batch.lines.entries()) {
      const command = read(line);
      if (command instanceof KmError) this.refused.push({ index, code: command.code, message: command.message });
      else this.commands.push({ ...command, index });
    }
    // Whoever hands over a single one wants the receiver's word on it.
    if (this.commands.length === 1) known.forget((this.commands[0] as Numbered).id);
  }

  async run(): Promise<Verdict> {
    const lanes = lanesOf(this.commands)[Symbol.iterator]();
    const work = async () => {
      for (const lane of lanes) await this.drive(lane);
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
    if (this.fault !== undefined) return this.fault;
    // Not a fault, only much to do: the halves have their own time each, and what was taken is known.
    if (this.commands.some(({ id }) => this.known.get(id) === undefined)) return { type: "split" };
    for (const { id, index } of this.commands) {
      const outcome = this.known.get(id);
      if (outcome === undefined || outcome === "taken") continue;
      this.refused.push({ index, ...outcome });
      this.known.forget(id);
    }
    return { type: "accepted", refused: this.refused };
  }

  /** Sends one person's commands, one after the other, up to the first that is not taken. */
  private async drive(lane: readonly Numbered[]): Promise<void> {
    for (const command of lane) {
      if (this.known.get(command.id) !== undefined) continue;
      if (this.stopped || this.signal.aborted || performance.now() > this.end) return;
      const word = await this.ask(command);
      if (word.type === "retry") return this.fail(word);
      this.failures = 0;
      this.known.set(command.id, outcomeOf(word), Math.max(MEMORY, 2 * this.commands.length));
    }
  }

  private async ask(command: Command): Promise<Verdict> {
    try {
      const answer = await this.send(command);
      const word = verdict(answer.status, answer.retryAfter, Date.now());
      // A portal or a wrong url, as in httpTransport.
      return word.type === "accepted" && /^\s*</.test(answer.text) ? verdict(404, undefined, Date.now()) : word;
    } catch (cause) {
      return { type: "retry", code: "KM_COLLECTOR_UNREACHABLE", detail: cause instanceof Error ? cause.message : String(cause) };
    }
  }

  /** This person waits. The others do too where the receiver asked for it, and where it takes nothing from anybody. */
  private fail(word: Wait): void {
    this.failures += 1;
    this.stopped ||= word.after !== undefined || this.failures >= CONNECTIONS;
    const longer = word.after !== undefined && word.after > (this.fault?.after ?? -1);
    if (this.fault === undefined || longer) this.fault = word;
  }
}

function outcomeOf(word: Exclude<Verdict, Wait>): Outcome {
  if (word.type === "accepted") return "taken";
  return word.type === "split" ? { code: "KM_COMMAND_TOO_LARGE" } : { code: "KM_REJECTED", message: word.detail };
}

/** A line of the outbox as a collector would read it. */
function read(line: string): Command | KmError {
  try {
    return parseCommand(JSON.parse(line));
  } catch (cause) {
    return new KmError("KM_LINE_INVALID", cause instanceof Error ? cause.message.slice(0, 120) : undefined);
  }
}
