import { randomBytes } from "node:crypto";
import { km } from "@kmkit/koa";
import { createMembers, noticePage } from "@kmkit/shop";
import Koa, { type Middleware } from "koa";
import bodyParser from "koa-bodyparser";
import { files } from "./files.ts";
import { cart } from "./routes/cart.ts";
import { checkout } from "./routes/checkout.ts";
import { membership } from "./routes/membership.ts";
import { storefront } from "./routes/storefront.ts";
import { sameOrigin, securityHeaders } from "./security.ts";
import { sessions } from "./session.ts";
import { viewOf } from "./view.ts";

/** How a shop may differ from the one in the street. */
export interface ShopOptions {
  /** Options of kmkit; the tests hand in a client of their own. */
  readonly km?: Parameters<typeof km>[0];
  /** Signs the session cookie. By default a new one is made, which is right while the sessions live in memory as well. */
  readonly secret?: string;
}

/**
 * The whole shop, ready to listen.
 *
 * @example
 * createShop().listen(3000);
 */
export function createShop(options: ShopOptions = {}): Koa {
  const shop = new Koa();
  shop.keys = [options.secret ?? randomBytes(32).toString("hex")];

  // Files come first: a style sheet concerns nobody, and may be cached.
  shop.use(files);

  shop.use(securityHeaders);
  shop.use(sessions(shop));
  shop.use(km(options.km)); // From here on every request has ctx.km.
  shop.use(failed);
  shop.use(sameOrigin);
  shop.use(bodyParser({ enableTypes: ["form"], formLimit: "20kb" }));

  for (const router of [storefront, cart, membership(createMembers()), checkout]) shop.use(router.routes());

  shop.use((ctx) => {
    ctx.status = 404;
    ctx.body = noticePage(viewOf(ctx), "It is dark in here", "There is no such page, or no such lamp any more.");
  });
  return shop;
}

const failed: Middleware = async (ctx, next) => {
  try {
    await next();
  } catch (error) {
    const { status = 500 } = error as { status?: number };
    if (status >= 500) console.error(error);
    ctx.status = status;
    ctx.body = noticePage(viewOf(ctx), "A fuse has blown", "Something went wrong on our side. Please try once more.");
  }
};
