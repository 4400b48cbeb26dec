import { createKm, kmProxy } from "@kmkit/next/edge";
import type { NextFetchEvent, NextRequest } from "next/server";
import { own } from "./lib/own";

const client = createKm({ url: process.env.KMKIT_URL ?? "", key: "local" });
const proxy = kmProxy(own, { client, identity: ({ cookies }) => cookies.get("user")?.value ?? null });

export async function middleware(request: NextRequest, event: NextFetchEvent): Promise<Response> {
  // The handler that tells the tests when it is quiet knows the client of its own runtime alone.
  if (request.nextUrl.pathname === "/api/quiet") await client.flush();
  return proxy(request, event);
}
