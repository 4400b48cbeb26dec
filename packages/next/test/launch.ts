import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command, KmStats } from "@kmkit/core";
import { type Ask, Browser, type Receiver, told } from "@kmkit/testkit";

/** A server of Next's in a process of its own, on a free port. */
export interface Launched {
  readonly url: string;
  readonly process: ChildProcess;
  /** Everything it has written, standard output and standard error. */
  log(): string;
  browser(headers?: Readonly<Record<string, string>>): Browser;
  /** Ends it, by default as nobody can prevent, and waits until it is gone. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

export interface Launch {
  /** The app's folder. */
  readonly folder: string;
  /** The program and its arguments; default `next start`. */
  readonly run?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** It has processes of its own (`next dev`): they end with it. */
  readonly group?: boolean;
}

/** Where `next` is for an app in this folder. */
export const nextOf = (folder: string): string => createRequire(join(folder, "package.json")).resolve("next/dist/bin/next");

export async function launch({ folder, run = [nextOf(folder), "start"], env = {}, group = false }: Launch): Promise<Launched> {
  const [program = "", command, ...rest] = run;
  const address = command === undefined ? [] : ["-p", "0", "-H", "127.0.0.1"];
  const child = spawn(process.execPath, [program, ...(command === undefined ? [] : [command]), ...address, ...rest], {
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? "",
      PORT: "0",
      HOSTNAME: "127.0.0.1",
      NEXT_TELEMETRY_DISABLED: "1",
      NO_COLOR: "1",
      ...env,
    } as unknown as NodeJS.ProcessEnv,
    stdio: ["ignore", "pipe", "pipe"],
    detached: group,
  });
  let log = "";
  const url = await new Promise<string>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      log += chunk;
      const [, told] = /Local:\s+(\S+)/.exec(log) ?? [];
      if (told !== undefined && log.includes("Ready in")) resolve(told);
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
    child.once("close", () => reject(new Error(`it ended: ${log}`)));
  });
  return {
    url,
    process: child,
    log: () => log,
    browser: (headers) => new Browser(url, headers),
    async end(signal = "SIGKILL") {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = once(child, "close");
      if (group) process.kill(-(child.pid as number), signal);
      else child.kill(signal);
      await closed;
    },
  };
}

/** A directory that is nobody else's, and how to be rid of it. */
export function directory(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "kmkit-next-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** What the app's `/api/quiet` tells: it answers when every other answer is over, and its commands are with the collector. */
export async function quiet<More = unknown>({ url }: Pick<Launched, "url">, query = ""): Promise<KmStats & More> {
  const answer = await fetch(`${url}/api/quiet${query}`, { method: "POST" });
  return (await answer.json()) as KmStats & More;
}

/** The commands of one server so far, once it is quiet. */
export async function heard(server: Pick<Launched, "url">, receiver: Receiver): Promise<string[]> {
  await quiet(server);
  return told(receiver.commands as readonly Command[]);
}

/** A request for an action, and what kind of request a browser makes of it. */
type ActionAsk = Ask & { readonly kind: "page" | "call" };

/** What is to be sent to submit a form of a page: a server action, without the help of a script. */
export function actionForm(html: string, form: string, origin: string, fields: Fields = {}): ActionAsk {
  const { body, type } = multipart([[`$ACTION_ID_${actionOf(html, form)}`, ""], ...Object.entries(fields)]);
  return { kind: "page", method: "POST", headers: { "content-type": type, origin }, body };
}

/** The same as the page's script sends it. */
export function actionCall(html: string, form: string, origin: string, fields: Fields = {}): ActionAsk {
  // The arguments of the action: one FormData, whose fields come before it (React 19.3).
  const named = Object.entries(fields).map(([name, value]) => [`_1_${name}`, value] as const);
  const { body, type } = multipart([...named, ["0", '["$K1"]']]);
  const headers = { accept: "text/x-component", "next-action": actionOf(html, form), "content-type": type, origin };
  return { kind: "call", method: "POST", headers, body };
}

type Fields = Readonly<Record<string, string>>;

function actionOf(html: string, form: string): string {
  const [, id] = new RegExp(`<form[^>]*id="${form}"[^>]*>.*?name="\\$ACTION_ID_(\\w+)"`).exec(html) ?? [];
  if (id === undefined) throw new Error(`no form ${form} in ${html}`);
  return id;
}

function multipart(fields: readonly (readonly [string, string])[]): { body: string; type: string } {
  const boundary = "----kmkit";
  const parts = fields.map(([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
  return { body: `${parts.join("")}--${boundary}--\r\n`, type: `multipart/form-data; boundary=${boundary}` };
}
