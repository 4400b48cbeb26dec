import { homePage, productOf, productPage } from "@kmkit/shop";
import { Router } from "express";
import { viewOf } from "../view.ts";

/** The shelf, and a page for each lamp. */
export const storefront: Router = Router();

storefront.get("/", (req, res) => {
  req.km.record("Viewed Homepage");
  res.send(homePage(viewOf(req)));
});

storefront.get("/products/:slug", (req, res, next) => {
  const product = productOf(req.params.slug);
  if (product === undefined) return next();

  req.km.record("Viewed Product", { Product: product.name, Category: product.category, Price: product.price });
  res.send(productPage(viewOf(req), product));
});
