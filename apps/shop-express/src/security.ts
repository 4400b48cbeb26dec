import { fromElsewhere, noticePage, pageHeaders } from "@kmkit/shop";
import type { RequestHandler } from "express";
import { viewOf } from "./view.ts";

/** Headers that keep a page from running, framing or leaking anything, and keep what one visitor sees out of shared caches. */
export const securityHeaders: RequestHandler = (_req, res, next) => {
  res.set(pageHeaders);
  next();
};

/** Refuses a form that another site made the browser send. */
export const sameOrigin: RequestHandler = (req, res, next) => {
  if (!fromElsewhere(req.method, (name) => req.get(name))) return next();
  res.status(403).send(noticePage(viewOf(req), "That came from elsewhere", "The form was sent from another site, so nothing was done."));
};
