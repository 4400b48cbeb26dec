import { parseSetCookie, type SetCookie } from "cookie";
import { cookies } from "next/headers.js";
import type { NextRequest } from "next/server.js";
import type { NextNative } from "./options.ts";

/**
 * The request as it would come again now, if the app has set a cookie meanwhile, on its answer or by `cookies()`: somebody may have logged in or out.
 * Undefined if it has set none.
 */
export async function changed(request: Pick<NextRequest, "cookies" | "headers">, response?: Response): Promise<NextNative | undefined> {
  const set = new Map((response?.headers.getSetCookie() ?? []).map((line) => [parseSetCookie(line).name, parseSetCookie(line)]));
  const now = (await jar()) ?? request.cookies;
  if (set.size === 0 && textOf(now) === textOf(request.cookies)) return undefined;
  const get = (name: string) => set.get(name) ?? now.get(name);
  return { headers: request.headers, cookies: living({ get }) };
}

/** Cookies as the browser will hold them: Next keeps a deleted one in its jar, empty and expired. */
export function living(jar: { get(name: string): Partial<SetCookie> | undefined }): NextNative["cookies"] {
  return {
    get(name) {
      const { value = "", maxAge, expires } = jar.get(name) ?? { maxAge: 0 };
      const gone = maxAge === 0 || (expires !== undefined && expires.getTime() <= Date.now());
      return gone ? undefined : { name, value };
    },
  };
}

/** Names and values alone: what a handler gets from `cookies()` has come to have paths, too. */
function textOf(jar: Pick<NextRequest["cookies"], "getAll">): string {
  return JSON.stringify(jar.getAll().map(({ name, value }) => [name, value]));
}

/** Whether the app has set or deleted a cookie by `cookies()`. */
export async function changedByApi(request: Pick<NextRequest, "cookies">): Promise<boolean> {
  const now = await jar();
  return now !== undefined && textOf(now) !== textOf(request.cookies);
}

/** Sets our cookies by Next's `cookies()`, for answers that Next makes itself. */
export async function writeByApi(lines: readonly string[]): Promise<void> {
  const now = await jar();
  for (const line of lines) {
    const { name, value = "", ...attributes } = parseSetCookie(line);
    now?.set({ name, value, ...(attributes as object) });
  }
}

/** Undefined outside of Next, as in a test that calls a handler itself. */
async function jar(): Promise<Awaited<ReturnType<typeof cookies>> | undefined> {
  try {
    return await cookies();
  } catch {
    return undefined;
  }
}
