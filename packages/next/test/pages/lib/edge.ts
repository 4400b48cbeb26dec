import { type KmHandler, type NextOptions, withKm as wrap } from "@kmkit/next/edge";
import type { NextRequest } from "next/server";

const options: NextOptions = {
  url: process.env.KMKIT_URL ?? "",
  identity: async ({ cookies }) => cookies.get("user")?.value ?? null,
};

type Route = (request: NextRequest, context: unknown) => Promise<Response>;
/** As the routes of the Edge runtime have it. */
export const withKm = (handler: KmHandler<unknown>): Route => wrap(handler, options);
