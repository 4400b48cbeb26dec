import { checkoutPage, orderOf, thanksPage } from "@kmkit/shop";
import { type RequestHandler, Router } from "express";
import { viewOf } from "../view.ts";

/** Paying, for members only. */
export const checkout: Router = Router();

const membersOnly: RequestHandler = (req, res, next) => {
  if (req.session.member !== undefined) return next();
  res.redirect(303, "/login?next=/checkout");
};

checkout.get("/checkout", membersOnly, (req, res) => {
  const order = orderOf(req.session.cart, req.session.member);
  if (order.items === 0) return res.redirect(303, "/cart");
  res.send(checkoutPage(viewOf(req), order));
});

checkout.post("/checkout", membersOnly, (req, res) => {
  const order = orderOf(req.session.cart, req.session.member);
  if (order.items === 0) return res.redirect(303, "/cart");

  req.km.record("Paid", { Amount: order.total, Items: order.items });
  req.session.order = order;
  req.session.cart = {};
  res.redirect(303, "/thanks");
});

checkout.get("/thanks", membersOnly, (req, res) => {
  if (req.session.order === undefined) return res.redirect(303, "/");
  res.send(thanksPage(viewOf(req), req.session.order));
});
