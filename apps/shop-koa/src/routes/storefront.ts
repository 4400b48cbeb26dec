import { homePage, productOf, productPage } from "@kmkit/shop";
import Router from "@koa/router";
import { viewOf } from "../view.ts";

/** The shelf, and a page for each lamp. */
export const storefront: Router = new Router();

storefront.get("/", (ctx) => {
  ctx.km.record("Viewed Homepage");
  ctx.body = homePage(viewOf(ctx));
});

storefront.get("/products/:slug", (ctx, next) => {
  const product = productOf(ctx.params.slug ?? "");
  if (product === undefined) return next();

  ctx.km.record("Viewed Product", { Product: product.name, Category: product.category, Price: product.price });
  ctx.body = productPage(viewOf(ctx), product);
});
