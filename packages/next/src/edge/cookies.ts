import { parseSetCookie } from "cookie";
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
  if (set.size === 0 && JSON.stringify(now.getAll()) === JSON.stringify(request.cookies.getAll())) return undefined;
  const get = (name: string) => {
    const line = set.get(name);
    if (line === undefined) return now.get(name);
    const gone = line.maxAge === 0 || (line.expires !== undefined && line.expires.getTime() <= Date.now());
    return gone ? undefined : { name, value: line.value ?? "" };
  };
  return { headers: request.headers, cookies: { get } };
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
