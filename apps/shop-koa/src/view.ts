import type { View } from "@kmkit/shop";
import type { Context } from "koa";

/** What the pages show of a request's visitor. */
export function viewOf({ path, session, km }: Context): View {
  return { path, member: session?.member, cart: session?.cart, visitor: km };
}
