import { createParser } from "eventsource-parser";
import { onTestFinished } from "vitest";
import type { LiveCommand } from "../src/index.ts";

export interface LiveEvent {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  readonly data: any;
}

/** A stream of `/v1/live` that is being read. */
export interface Listening {
  readonly response: Response;
  readonly events: LiveEvent[];
  readonly comments: string[];
  /** Whatever came as `command` so far. */
  readonly commands: LiveCommand[];
  /** Waits for the first event, read so far or yet to come, that is as wanted. */
  find(wanted: (one: LiveEvent) => boolean): Promise<LiveEvent>;
  /** Waits for a command by its name, its alias, or any other text in it. */
  command(text: string): Promise<LiveCommand>;
  /** Settles when the stream ends. */
  readonly ended: Promise<void>;
  stop(): void;
}

/** Listens; returns when the opening event is there. */
export async function listen(url: string, query = "", headers: Record<string, string> = {}): Promise<Listening> {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const response = await fetch(`${url}/v1/live${query}`, { headers, signal: abort.signal });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  const events: LiveEvent[] = [];
  const comments: string[] = [];
  const commands: LiveCommand[] = [];
  const waiting = new Set<() => void>();
  const parser = createParser({
    onEvent: ({ event = "message", data }) => {
      const one = { event, data: JSON.parse(data) };
      events.push(one);
      if (event === "command") commands.push(one.data);
      for (const look of waiting) look();
    },
    onComment: (comment) => comments.push(comment),
  });
  const read = async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) parser.feed(decoder.decode(chunk, { stream: true }));
  };
  const ended = read().catch((cause) => {
    if (!abort.signal.aborted) throw cause;
  });
  const over = ended.then(() => {
    throw new Error(`the stream ended after ${JSON.stringify(events.slice(-3))}`);
  });
  over.catch(() => {});
  const find = (wanted: (one: LiveEvent) => boolean) => {
    const found = new Promise<LiveEvent>((resolve) => {
      let at = 0;
      const look = () => {
        let one: LiveEvent | undefined;
        while (one === undefined && at < events.length) {
          const next = events[at++] as LiveEvent;
          if (wanted(next)) one = next;
        }
        if (one === undefined) return;
        waiting.delete(look);
        resolve(one);
      };
      waiting.add(look);
      look();
    });
    return Promise.race([found, over]);
  };
  await find(({ event }) => event === "open");
  return {
    response,
    events,
    comments,
    commands,
    find,
    command: async (text) => (await find(({ event, data }) => event === "command" && JSON.stringify(data).includes(text))).data,
    ended,
    stop: () => abort.abort(),
  };
}
