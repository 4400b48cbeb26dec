import type { Member, ShopSession } from "@kmkit/shop";
import type Koa from "koa";
import type { Context, Middleware } from "koa";
import session from "koa-session";

declare module "koa" {
  interface BaseContext {
    /** What the shop keeps of this visitor. `null` throws it away. */
    get session(): ShopSession & { regenerate(): Promise<void> };
    set session(session: ShopSession | null);
  }
}

/** Sessions by koa-session, with what is in them kept here and not in the cookie: a copied cookie is worth nothing after the log out. */
export function sessions(shop: Koa): Middleware {
  return session({ key: "shop.sid", sameSite: "lax", store: new Store() }, shop);
}

const DAY = 86_400_000;

/** Sessions in memory, as this shop is a demo. What nobody has come back to for a day is forgotten. */
class Store {
  private readonly kept = new Map<string, { data: unknown; until: number }>();

  async get(id: string): Promise<unknown> {
    const found = this.kept.get(id);
    return found !== undefined && found.until > Date.now() ? found.data : undefined;
  }

  async set(id: string, data: unknown): Promise<void> {
    this.kept.delete(id);
    this.kept.set(id, { data, until: Date.now() + DAY });
    for (const [old, { until }] of this.kept) {
      if (until > Date.now()) break;
      this.kept.delete(old);
    }
  }

  async destroy(id: string): Promise<void> {
    this.kept.delete(id);
  }
}

/**
 * Begins a new session under a new id, at every log in and log out: an id that somebody planted or copied before is worth nothing after.
 * A member takes the cart along; who leaves, leaves nothing behind.
 */
export async function renewSession(ctx: Context, member?: Member): Promise<void> {
  const { cart } = ctx.session;
  if (member === undefined) ctx.session = null;
  else {
    ctx.session = { member, ...(cart && { cart }) };
    await ctx.session.regenerate();
  }
}
