import { add, cartPage, field, orderOf, productOf, productPage, remove } from "@kmkit/shop";
import Router from "@koa/router";
import { seeOther } from "../redirect.ts";
import { viewOf } from "../view.ts";

/** Putting lamps in the cart and taking them out again. */
export const cart: Router = new Router();

cart.get("/cart", (ctx) => {
  ctx.body = cartPage(viewOf(ctx), orderOf(ctx.session.cart, ctx.session.member));
});

cart.post("/cart", (ctx, next) => {
  const product = productOf(field(ctx.request.body, "slug"));
  if (product === undefined) return next();

  const quantity = Number(field(ctx.request.body, "quantity") || 1);
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > 9) {
    ctx.status = 422;
    ctx.body = productPage(viewOf(ctx), product, "Choose a quantity from 1 to 9.");
    return;
  }
  ctx.session.cart = add(ctx.session.cart, product.slug, quantity);
  ctx.km.record("Added To Cart", { Product: product.name, Price: product.price, Quantity: quantity });
  seeOther(ctx, "/cart");
});

cart.post("/cart/remove", (ctx) => {
  ctx.session.cart = remove(ctx.session.cart, field(ctx.request.body, "slug"));
  seeOther(ctx, "/cart");
});
