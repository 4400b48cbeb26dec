import { checkoutPage, orderOf, thanksPage } from "@kmkit/shop";
import Router from "@koa/router";
import type { Middleware } from "koa";
import { seeOther } from "../redirect.ts";
import { viewOf } from "../view.ts";

/** Paying, for members only. */
export const checkout: Router = new Router();

const membersOnly: Middleware = (ctx, next) => {
  if (ctx.session.member !== undefined) return next();
  seeOther(ctx, "/login?next=/checkout");
};

checkout.get("/checkout", membersOnly, (ctx) => {
  const order = orderOf(ctx.session.cart, ctx.session.member);
  if (order.items === 0) return seeOther(ctx, "/cart");
  ctx.body = checkoutPage(viewOf(ctx), order);
});

checkout.post("/checkout", membersOnly, (ctx) => {
  const order = orderOf(ctx.session.cart, ctx.session.member);
  if (order.items === 0) return seeOther(ctx, "/cart");

  ctx.km.record("Paid", { Amount: order.total, Items: order.items });
  ctx.session.order = order;
  ctx.session.cart = {};
  seeOther(ctx, "/thanks");
});

checkout.get("/thanks", membersOnly, (ctx) => {
  if (ctx.session.order === undefined) return seeOther(ctx, "/");
  ctx.body = thanksPage(viewOf(ctx), ctx.session.order);
});
