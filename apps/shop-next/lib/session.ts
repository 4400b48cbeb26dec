import { randomUUID } from "node:crypto";
import type { Cart, Member } from "@kmkit/shop";
import { getIronSession, type IronSession } from "iron-session";
import { cookies, headers } from "next/headers";
import { memory } from "./memory";

/** What the shop keeps of a visitor, sealed in a cookie. */
export interface Session {
  /** Who has logged in gets an id, by which the session can be ended. */
  id?: string;
  member?: Member;
  cart?: Cart;
  /** What was paid last, for the page that says thank you. */
  paid?: Cart;
}

const WEEK = 7 * 86_400;

/** The session of this request, for reading in a page and for changing in an action or a route handler: then `save()` it. */
export async function getSession(): Promise<IronSession<Session>> {
  const { secret, ended } = memory();
  // Next says so of every request, and believes a proxy in front of it.
  const secure = (await headers()).get("x-forwarded-proto") === "https";
  const session = await getIronSession<Session>(await cookies(), {
    cookieName: "shop.sid",
    password: secret,
    ttl: WEEK,
    cookieOptions: { httpOnly: true, sameSite: "lax", secure },
  });
  if (session.id !== undefined && ended.has(session.id)) forget(session);
  return session;
}

/**
 * Begins a new session at every log in and log out. What is in a cookie cannot be taken back: so the old session's id is remembered as ended, and a
 * copied cookie is worth nothing after. A member takes the cart along; who leaves, leaves nothing behind.
 */
export async function renewSession(member?: Member): Promise<void> {
  const session = await getSession();
  const { id, cart } = session;
  if (id !== undefined) end(id);
  if (member === undefined) return session.destroy();
  forget(session);
  Object.assign(session, { id: randomUUID(), member, ...(cart && { cart }) });
  await session.save();
}

function forget(session: Session): void {
  for (const key of ["id", "member", "cart", "paid"] as const) delete session[key];
}

function end(id: string): void {
  const { ended } = memory();
  const now = Date.now();
  ended.set(id, now + WEEK * 1000);
  for (const [old, until] of ended) {
    if (until > now) break;
    ended.delete(old);
  }
}
