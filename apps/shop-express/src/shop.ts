import { randomBytes } from "node:crypto";
import { km } from "@kmkit/express";
import { createMembers, noticePage, publicFiles } from "@kmkit/shop";
import express, { type ErrorRequestHandler, type Express } from "express";
import session from "express-session";
import { cart } from "./routes/cart.ts";
import { checkout } from "./routes/checkout.ts";
import { membership } from "./routes/membership.ts";
import { storefront } from "./routes/storefront.ts";
import { sameOrigin, securityHeaders } from "./security.ts";
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
export function createShop(options: ShopOptions = {}): Express {
  const shop = express();
  shop.disable("x-powered-by");

  // Files come first: a style sheet concerns nobody, and may be cached.
  shop.use(express.static(publicFiles, { maxAge: "1h" }));

  shop.use(securityHeaders);
  shop.use(
    session({
      name: "shop.sid",
      secret: options.secret ?? randomBytes(32).toString("hex"),
      cookie: { httpOnly: true, sameSite: "lax", secure: "auto" },
      resave: false,
      saveUninitialized: false,
    }),
  );
  shop.use(km(options.km)); // From here on every request has req.km.
  shop.use(sameOrigin);
  shop.use(express.urlencoded({ extended: false, limit: "20kb" }));

  shop.use(storefront, cart, membership(createMembers()), checkout);

  shop.use((req, res) => {
    res.status(404).send(noticePage(viewOf(req), "It is dark in here", "There is no such page, or no such lamp any more."));
  });
  shop.use(failed);
  return shop;
}

// Express knows an error handler by its four parameters.
const failed: ErrorRequestHandler = (error, req, res, next) => {
  if (res.headersSent) return next(error);
  const status = typeof error?.status === "number" ? error.status : 500;
  if (status >= 500) console.error(error);
  res.status(status).send(noticePage(viewOf(req), "A fuse has blown", "Something went wrong on our side. Please try once more."));
};
