import type { Member, ShopSession } from "@kmkit/shop";
import type { Request } from "express";

declare module "express-session" {
  interface SessionData extends ShopSession {}
}

/**
 * Begins a new session under a new id, at every log in and log out: an id that somebody planted or copied before is worth nothing after.
 * A member takes the cart along; who leaves, leaves nothing behind.
 */
export async function renewSession(req: Request, member?: Member): Promise<void> {
  const { cart } = req.session;
  await new Promise<void>((resolve, reject) => {
    req.session.regenerate((error: unknown) => (error ? reject(error) : resolve()));
  });
  if (member === undefined) return;
  req.session.member = member;
  if (cart !== undefined) req.session.cart = cart;
}
