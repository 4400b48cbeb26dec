import type { View } from "@kmkit/shop";
import type { Request } from "express";

/** What the pages show of a request's visitor. A request that failed early may have no session yet. */
export function viewOf(req: Request): View {
  const { path, session, km } = req as Partial<Request> & { path: string };
  return { path, member: session?.member, cart: session?.cart, visitor: km };
}
