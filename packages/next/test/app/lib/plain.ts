import type { Km, NextKm } from "@kmkit/next";
import { headers } from "next/headers.js";
import { type NextRequest, NextResponse } from "next/server.js";

/** What an app has where kmkit is not: the same shapes that do nothing. One build has this in the place of `@kmkit/next`, to compare with. */
const nobody: Km = { identity: "", anonymous: true, record() {}, set() {}, identify() {}, alias() {} };

export async function km(): Promise<Km> {
  await headers();
  return nobody;
}

export const withKm: NextKm["withKm"] = (handler) => async (request, context) => {
  const get = () => {
    void request.headers;
    return nobody;
  };
  return handler(Object.defineProperty(request, "km", { get }) as NextRequest & { km: Km }, context);
};

export function createNextKm(): Pick<NextKm, "km" | "withKm" | "kmProxy" | "withKmApi" | "withKmPage"> {
  const given = <Request extends object>(request: Request): never => Object.assign(request, { km: nobody }) as never;
  return {
    km,
    withKm,
    kmProxy: (app) => async (request, event) => (await app?.(given(request), event as never)) ?? NextResponse.next(),
    withKmApi: (handler) => async (request, response) => handler(given(request), response),
    withKmPage: (get) => async (context) => get(Object.assign(context, { req: given(context.req) })),
  };
}

export const createKm = (): { flush(): void; stats(): void } => ({ flush() {}, stats() {} });
