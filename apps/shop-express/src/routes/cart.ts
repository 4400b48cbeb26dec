import { add, cartPage, field, orderOf, productOf, productPage, remove } from "@kmkit/shop";
import { Router } from "express";
import { viewOf } from "../view.ts";

/** Putting lamps in the cart and taking them out again. */
export const cart: Router = Router();

cart.get("/cart", (req, res) => {
  res.send(cartPage(viewOf(req), orderOf(req.session.cart, req.session.member)));
});

cart.post("/cart", (req, res, next) => {
  const product = productOf(field(req.body, "slug"));
  if (product === undefined) return next();

  const quantity = Number(field(req.body, "quantity") || 1);
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > 9) {
    return res.status(422).send(productPage(viewOf(req), product, "Choose a quantity from 1 to 9."));
  }
  req.session.cart = add(req.session.cart, product.slug, quantity);
  req.km.record("Added To Cart", { Product: product.name, Price: product.price, Quantity: quantity });
  res.redirect(303, "/cart");
});

cart.post("/cart/remove", (req, res) => {
  req.session.cart = remove(req.session.cart, field(req.body, "slug"));
  res.redirect(303, "/cart");
});
